package main

import (
	"io"

	"github.com/urfave/cli/v2"
)

// The scripts ask the program itself for the words that can follow. It lists flags only after a dash, and nothing after two.
const bashCompletion = `_gluster_trapgw() {
  local cur words dash
  cur="${COMP_WORDS[COMP_CWORD]}"
  case "$cur" in --) dash=- ;; -*) dash="$cur" ;; esac
  words=$("${COMP_WORDS[@]:0:$COMP_CWORD}" $dash --generate-bash-completion 2>/dev/null)
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -o bashdefault -o default -F _gluster_trapgw gluster-trapgw
`

const zshCompletion = `#compdef gluster-trapgw
_gluster_trapgw() {
  local -a words_ dash
  case "${words[CURRENT]}" in --) dash=(-) ;; -*) dash=("${words[CURRENT]}") ;; esac
  words_=("${(@f)$(${words[1,CURRENT-1]} $dash --generate-bash-completion 2>/dev/null)}")
  if [[ -n "${words_[1]}" ]]; then _describe 'gluster-trapgw' words_; else _files; fi
}
# Found in fpath it is run to complete, else it is sourced.
if [ "$funcstack[1]" = _gluster-trapgw ]; then _gluster_trapgw; else compdef _gluster_trapgw gluster-trapgw; fi
`

const fishCompletion = `function __gluster_trapgw
  set -l dash (commandline -ct)
  switch "$dash"
    case --
      set dash -
    case '-*'
    case '*'
      set dash
  end
  set -l words (commandline -opc) $dash --generate-bash-completion
  set -l out (command $words 2>/dev/null)
  if test -n "$out"
    printf '%s\n' $out
  else
    __fish_complete_path (commandline -ct)
  end
end
complete -c gluster-trapgw -f -a '(__gluster_trapgw)'
`

func completionCommand() *cli.Command {
	script := func(shell, text, example string) *cli.Command {
		return &cli.Command{
			Name:        shell,
			Usage:       "print the completion script for " + shell,
			Description: "Example:\n  " + example,
			Before:      noArgs,
			Action: func(c *cli.Context) error {
				_, err := io.WriteString(c.App.Writer, text)
				return err
			},
		}
	}
	return &cli.Command{
		Name:  "completion",
		Usage: "print a shell completion script",
		Subcommands: []*cli.Command{
			script("bash", bashCompletion, "source <(gluster-trapgw completion bash)"),
			script("zsh", zshCompletion, "source <(gluster-trapgw completion zsh)"),
			script("fish", fishCompletion, "gluster-trapgw completion fish | source"),
		},
	}
}
