"""How is a typed line run, and how does it end?"""

import errno
import os
import sys

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
"""There is no room for what is printed, as `> FILE` would have it."""


def main() -> int:
    """Run the command line; the answer is the exit code."""
    from daemon.cli.ending import (
        INTERRUPTED,
        PIPE_CLOSED,
        Ended,
        Exit,
        PipeClosed,
        report,
        report_usage,
    )

    try:
        import click

        from daemon.cli.root import rounds

        sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
        try:
            code = rounds.main(prog_name="rounds", standalone_mode=False)
            sys.stdout.flush()
        except click.exceptions.NoArgsIsHelpError as error:
            sys.stderr.write(f"{error.format_message()}\n")
            return Exit.USAGE
        except click.UsageError as error:
            return report_usage(error)
        except Ended as ended:
            sys.stdout.flush()
            return report(ended)
        except click.Abort:
            return INTERRUPTED
        return code if isinstance(code, int) else 0
    except KeyboardInterrupt:
        return INTERRUPTED
    except (PipeClosed, BrokenPipeError):
        _let_go_of_stdout()
        return PIPE_CLOSED
    except OSError as error:
        if error.errno not in FULL:
            raise
        _let_go_of_stdout()
        return report(
            Ended(
                Exit.FAILED,
                f"there is no room for what this prints ({error.strerror}), so it is not whole: "
                "make room, and type it again",
            )
        )


def _let_go_of_stdout() -> None:
    """Nobody reads any more: what is still buffered must not fail again at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
