/** `completion bash|zsh|fish`: prints the script that a shell reads. */
import { noArguments } from '#cli/argument-rule.ts';
import { defineCommand, type Command } from '#cli/command.ts';
import { completionScript, type ShellName } from '#cli/completion/scripts.ts';
import { booleanFlag } from '#cli/flags/scalar-flags.ts';

const howTo: Readonly<Record<ShellName, string>> = {
  bash: 'To load completions now:  source <(PROGRAM completion bash)\nFor every session:        PROGRAM completion bash > /etc/bash_completion.d/PROGRAM',
  zsh: 'To load completions now:  source <(PROGRAM completion zsh)\nFor every session:        PROGRAM completion zsh > "${fpath[1]}/_PROGRAM"',
  fish: 'To load completions now:  PROGRAM completion fish | source\nFor every session:        PROGRAM completion fish > ~/.config/fish/completions/PROGRAM.fish',
};

export function completionCommand(shell: ShellName): Command {
  return defineCommand({
    usage: shell,
    description: `Generate the autocompletion script for the ${shell} shell.\n\n${howTo[shell].replaceAll('PROGRAM', 'dhow')}`,
    positional: noArguments,
    flags: { 'no-descriptions': booleanFlag({ text: 'disable completion descriptions', hidden: shell === 'bash' }) },
    async run({ program, flags, stdout }) {
      const script = completionScript(shell, program);
      stdout.write(flags['no-descriptions'] ? script.replaceAll('__complete ', '__completeNoDesc ') : script);
      return 0;
    },
  });
}
