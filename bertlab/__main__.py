"""The command line: `python -m bertlab data`, `prepare`, `pretrain`, `fill`, `attention`, `grammar`, `embed`,
`finetune`, `predict`, `convert`, `bench`, `cost`, `lab`.

Here are the parser and the exit status; each command is in `commands/`. Options that belong to a plan come from the
plan's own fields (options.py), so that defaults and help stand in one place.
"""

import argparse
import sys
from collections.abc import Sequence

from . import __version__
from .commands import COMMANDS
from .failures import escape_unprintable, report_failure
from .options import CommandParser, start_again_with_utf8
from .processes import exit_process, leave_processes
from .stopping import Terminated, raise_at_sigterm

DEBUG_HELP = "show where an error happened, as a traceback"
SAVING_MEMORY = ("batch_size", "length", "vocab_size", "beams", "top")  # options that take less memory when smaller


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: 0; 2 after one line on what the user can mend, 1 on what bertlab got
    wrong; 130 after Ctrl-C, 143 after SIGTERM. `--debug` shows the traceback too."""
    if arguments is None:
        start_again_with_utf8()
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    options = argparse.Namespace(debug="--debug" in arguments)
    escape_unprintable()
    try:
        with raise_at_sigterm():
            command = next((word for word in arguments if not word.startswith("-")), "")
            options = make_parser(command).parse_args(arguments)
            options.run(options)
            leave_processes()
            sys.stdout.flush()
    except BrokenPipeError:  # the reader of our output, say `head`, has had enough
        sys.stderr.close()
    except (Exception, KeyboardInterrupt, Terminated) as error:
        smaller = [f"--{name.replace('_', '-')}" for name in SAVING_MEMORY if hasattr(options, name)]
        return report_failure(error, getattr(options, "command", ""), smaller, options.debug)
    return 0


def make_parser(command: str = "") -> CommandParser:
    """The parser of all commands. Only the options of `command` are filled in, as they import what they describe; ""
    fills in those of all."""
    root = CommandParser(prog="python -m bertlab", description="A course and a workbench for BERT.")
    root.add_argument("--version", action="version", version=f"bertlab {__version__}")
    root.add_argument("--debug", action="store_true", help=DEBUG_HELP)
    commands = root.add_subparsers(
        title="commands", required=True, metavar="command", dest="command", parser_class=CommandParser
    )
    for name, (summary, add_options, run, examples) in COMMANDS.items():
        parser = commands.add_parser(
            name,
            help=summary,
            description=f"{summary[0].upper()}{summary[1:]}.",
            epilog="examples:\n" + "\n".join(f"  python -m bertlab {name} {example}".rstrip() for example in examples),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        parser.set_defaults(run=run, parser=parser)
        # Without a default of its own, it leaves what was given before the command's name.
        parser.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help=DEBUG_HELP)
        if command in ("", name):
            add_options(parser)
    return root


if __name__ == "__main__":
    exit_process(main())
