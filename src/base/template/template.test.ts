import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isFailure } from '../errors/failure.ts';
import { parseJsonDocument } from '../json-document.ts';
import { dockerFunctions } from './docker-functions.ts';
import { decodeAny } from './go-json.ts';
import { Template } from './template.ts';
import { parseTemplateText } from './template-parser.ts';
import { printNode } from './template-node.ts';

const dot = decodeAny(parseJsonDocument('{"name":"web","list":["a","b"],"map":{"x":1,"y":null},"flag":true,"empty":[]}'), true);

function render(text: string, missingKeyFails = false): string {
  try {
    return new Template('', text, dockerFunctions).execute(dot, { missingKeyFails });
  } catch (error) {
    if (!isFailure(error, 'template.syntax') && !isFailure(error, 'template.execution')) throw error;
    return `! ${error.message}`;
  }
}

// Templates and what Go 1.24 makes of them.
const cases: Readonly<Record<string, string>> = {
  'a {{- .name -}} b': 'awebb',
  '{{/* nothing */}}{{.name}}': 'web',
  '{{range $i, $e := .list}}{{$i}}={{$e}},{{end}}': '0=a,1=b,',
  '{{range .empty}}x{{else}}none{{end}}': 'none',
  '{{range 3}}{{.}}{{end}}': '012',
  '{{range .list}}{{if eq . "b"}}{{break}}{{end}}{{.}}{{end}}': 'a',
  '{{range .list}}{{if eq . "a"}}{{continue}}{{end}}{{.}}{{end}}': 'b',
  '{{with .none}}x{{else with .name}}{{.}}{{else}}y{{end}}': 'web',
  '{{if .empty}}a{{else if .flag}}b{{else}}c{{end}}': 'b',
  '{{define "t"}}<{{.}}>{{end}}{{template "t" .name}}{{block "u" .list}}{{len .}}{{end}}': '<web>2',
  '{{$x := 1}}{{if true}}{{$x = 2}}{{end}}{{$x}}': '2',
  '{{.map}} {{.list}} {{.none}}': 'map[x:1 y:<nil>] [a b] <no value>',
  '{{.name | printf "%-5s|%s" "a"}}': 'a    |web',
  '{{and 1 0}} {{or 0 "x"}} {{not .flag}}': '0 x false',
  '{{index .list 1}} {{slice .name 1 3}} {{len .map}}': 'b eb 2',
  '{{json .}}': '{"empty":[],"flag":true,"list":["a","b"],"map":{"x":1,"y":null},"name":"web"}',
  '{{join .list ","}}': '! template: :1:7: executing "" at <.list>: wrong type for value; expected []string; got []interface {}',
  '{{split "a,b" ","}} {{upper "é"}} {{title "a b"}} {{pad "x" 1 2}}| {{truncate "日本" 3}}': '[a b] É A B  x  | 日',
  '{{.name.foo}}': '! template: :1:7: executing "" at <.name.foo>: can\'t evaluate field foo in type interface {}',
  '{{index .list 9}}': '! template: :1:2: executing "" at <index .list 9>: error calling index: index out of range: 9',
  '{{index .list 2}}': '! template: :1:2: executing "" at <index .list 2>: error calling index: reflect: slice index out of range',
  '\n {{template "no"}}': '! template: :2:12: executing "" at <{{template "no"}}>: template "no" not defined',
  '{{.name': '! template: :1: unclosed action',
  'a\n{{.name\n\n': '! template: :4: unclosed action started at :2',
  '{{if}}x{{end}}': '! template: :1: missing value for if',
  '{{range .list}}': '! template: :1: unexpected EOF',
  '{{end}}': '! template: :1: unexpected {{end}}',
  '{{nothing}}': '! template: :1: function "nothing" not defined',
  '{{$y}}': '! template: :1: undefined variable "$y"',
  '{{1 | 2}}': '! template: :1: non executable command in pipeline stage 2',
  '{{break}}': '! template: :1: {{break}} outside {{range}}',
  '{{"a}}': '! template: :1: unterminated quoted string',
  '{{.name)}}': '! template: :1: unexpected right paren',
  '{{(.name}}': '! template: :1: unclosed left paren',
  '{{.naïve€}}': "! template: :1: bad character U+20AC '€'",
};

for (const [text, expected] of Object.entries(cases)) {
  test(`template ${JSON.stringify(text)} must give ${JSON.stringify(expected)}`, () => {
    assert.equal(render(text), expected);
  });
}

test('a key that a map lacks must be an error only where that is asked for', () => {
  assert.equal(render('{{.none}}'), '<no value>');
  assert.equal(render('{{.none.deep}}'), '<no value>');
  assert.equal(render('{{.none}}', true), '! template: :1:2: executing "" at <.none>: map has no entry for key "none"');
});

test('columns of errors must count bytes', () => {
  assert.equal(render('é{{.name.x}}'), '! template: :1:9: executing "" at <.name.x>: can\'t evaluate field x in type interface {}');
});

/** Pseudo-random numbers that are the same in every run. */
function numbers(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state % limit;
  };
}

test('whatever the text, only errors of templates must come out', () => {
  const pieces = ['{{', '}}', '{{-', ' -}}', '.', '.name', '$x', ' := ', '|', '(', ')', '"a"', "'b'", '`c`', '1', '0x', '1.5e', 'range ', 'if ', 'end', 'else', 'with ', 'define "t"', 'template "t"', 'len', 'index ', 'printf "%d %[9]s %*d"', ' ', '\n', '€', '/*', '*/', 'nil', 'true', ',', '%', '\\'];
  const next = numbers(7);
  for (let round = 0; round < 20_000; round++) {
    let text = '';
    for (let length = next(14); length >= 0; length--) text += pieces[next(pieces.length)] ?? '';
    render(text);
  }
});

test('the printed tree of a template must parse to the same tree', () => {
  const known = (): boolean => true;
  for (const text of Object.keys(cases)) {
    let statements;
    try {
      statements = parseTemplateText('', text, known).get('')?.statements ?? [];
    } catch {
      continue;
    }
    const printed = statements.map(printNode).join('');
    const again = parseTemplateText('', printed, known).get('')?.statements ?? [];
    assert.equal(again.map(printNode).join(''), printed);
  }
});
