package main

import (
	"io"

	"github.com/urfave/cli/v2"
)

// The scripts ask the program itself for the words that can follow.
const bashCompletion = `_gluster_trapgw() {
  local cur words
  cur="${COMP_WORDS[COMP_CWORD]}"
  words=$("${COMP_WORDS[@]:0:$COMP_CWORD}" --generate-bash-completion 2>/dev/null)
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -o bashdefault -o default -F _gluster_trapgw gluster-trapgw
`

const zshCompletion = `#compdef gluster-trapgw
_gluster_trapgw() {
  local -a words_
  words_=("${(@f)$(${words[1,CURRENT-1]} --generate-bash-completion 2>/dev/null)}")
  _describe 'gluster-trapgw' words_ || _files
}
# Found in fpath it is run to complete, else it is sourced.
if [ "$funcstack[1]" = _gluster-trapgw ]; then _gluster_trapgw; else compdef _gluster_trapgw gluster-trapgw; fi
`

const fishCompletion = `complete -c gluster-trapgw -f -a '(eval (commandline -opc) --generate-bash-completion 2>/dev/null)'
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
