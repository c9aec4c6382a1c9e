/** The scripts that teach shells to ask `__complete`. `program` is the name to complete. */

export type ShellName = 'bash' | 'zsh' | 'fish';

export function completionScript(shell: ShellName, program: string): string {
  if (shell === 'bash') return bashScript(program);
  return shell === 'zsh' ? zshScript(program) : fishScript(program);
}

function bashScript(program: string): string {
  return `# bash completion for ${program}
_${program}_complete() {
  local word=\${COMP_WORDS[COMP_CWORD]} line directive=0 candidate
  local -a words=("\${COMP_WORDS[@]:1:COMP_CWORD}") candidates=()
  # Colons and equal signs split words; candidates are compared with what stands before the cursor.
  if declare -F _get_comp_words_by_ref >/dev/null; then
    local cur cword
    local -a whole
    _get_comp_words_by_ref -n =: -c cur -w whole -i cword
    word=$cur
    words=("\${whole[@]:1:cword}")
  fi
  while IFS= read -r line; do
    case $line in
      :[0-9]*) directive=\${line#:} ;;
      ?*) candidates+=("\${line%%$'\\t'*}") ;;
    esac
  done < <("\${COMP_WORDS[0]}" __complete "\${words[@]}" 2>/dev/null)
  COMPREPLY=()
  local prefix=$word
  case $word in --*=*) prefix=\${word#*=} ;; esac
  for candidate in "\${candidates[@]}"; do
    if [[ $candidate == "$prefix"* ]]; then COMPREPLY+=("$candidate"); fi
  done
  if [[ \${#COMPREPLY[@]} -eq 0 && $directive -eq 0 ]]; then
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen -f -- "$prefix")
  fi
  if declare -F __ltrim_colon_completions >/dev/null; then __ltrim_colon_completions "$word"; fi
}
complete -F _${program}_complete ${program}
`;
}

function zshScript(program: string): string {
  return `#compdef ${program}
# zsh completion for ${program}
_${program}() {
  local line directive=0 name
  local -a candidates
  while IFS= read -r line; do
    case $line in
      :[0-9]*) directive=\${line#:} ;;
      ?*)
        name=\${line%%$'\\t'*}
        if [[ $line == *$'\\t'* ]]; then candidates+=("\${name//:/\\\\:}:\${line#*$'\\t'}"); else candidates+=("\${name//:/\\\\:}"); fi
        ;;
    esac
  done < <("\${words[1]}" __complete "\${(@)words[2,CURRENT]}" 2>/dev/null)
  if (( \${#candidates} )); then
    [[ \${words[CURRENT]} == --*=* ]] && compset -P '*='
    _describe -V '${program}' candidates
  elif (( directive == 0 )); then
    _files
  fi
}
if [ "\${funcstack[1]}" = _${program} ]; then _${program} "$@"; else compdef _${program} ${program}; fi
`;
}

function fishScript(program: string): string {
  return `# fish completion for ${program}
function __${program}_complete
  set -l words (commandline -opc)
  set -l current (commandline -ct)
  set -l directive 0
  set -l found 0
  for line in (${program} __complete $words[2..-1] "$current" 2>/dev/null)
    if string match -qr '^:[0-9]+$' -- $line
      set directive (string sub -s 2 -- $line)
    else
      set found 1
      if string match -q -- '--*=*' $current
        echo (string replace -r '=.*' '=' -- $current)$line
      else
        echo $line
      end
    end
  end
  if test $found -eq 0 -a $directive -eq 0
    __fish_complete_path "$current"
  end
end
complete -c ${program} -f -a '(__${program}_complete)'
`;
}
