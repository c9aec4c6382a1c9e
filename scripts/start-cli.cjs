// What build/cli.cjs is made of. Starts the command line from BUNDLE, a directory beside this file. V8's code of all that
// ran is kept there for each command: whoever calls it the next time need not compile anything. Only time depends on it.
const { chmodSync, readFileSync, renameSync, writeFileSync } = require('node:fs');
const { Script } = require('node:vm');

const directory = `${__dirname}/${BUNDLE}`;
const commands = new Set(COMMANDS);
const command = calledCommand();

function calledCommand() {
  const words = process.argv.slice(2).filter((word) => word === '--help' || !word.startsWith('-'));
  if (words.includes('--help')) return 'help';
  for (let place = 0; place < words.length; place++) {
    for (const name of [words[place], `${words[place]} ${words[place + 1]}`]) if (commands.has(name)) return name;
  }
  return 'help';
}

function load(part) {
  const file = `${directory}/${part}.cjs`;
  const kept = `${directory}/${part} ${command}.code`;
  const script = new Script(readFileSync(file, 'latin1'), { filename: file, cachedData: read(kept) });
  // Absent, or of another V8.
  if (script.cachedDataRejected !== false) process.once('exit', (code) => code === 0 && keep(kept, script.createCachedData()));
  const module = {};
  script.runInThisContext()(module);
  return module.exports;
}

function read(file) {
  try {
    return readFileSync(file);
  } catch {
    return undefined;
  }
}

function keep(file, data) {
  const draft = `${file}.${process.pid}`;
  try {
    writeFileSync(draft, data, { flush: true });
    // It holds nothing but compiled code.
    chmodSync(draft, 0o644);
    renameSync(draft, file);
  } catch {
    // Where nothing may be written the next call compiles again.
  }
}

load('main')(require, load);
