"""How is `rounds demo` typed?"""

import click


@click.command
@click.option("--keep", is_flag=True, help="Leave daemon and files there, to look around in them.")
@click.option("--fast", is_flag=True, help="Without pauses for reading, in a few seconds.")
def demo(*, keep: bool, fast: bool) -> int:
    """Show a real daemon at work on made-up providers, in a minute and a half.

    It needs no configuration, no network and no rights, and leaves nothing behind.

    \b
    Examples:
      rounds demo
      rounds demo --keep
    """
    from daemon.demo.play import play

    return play(keep=keep, unhurried=not fast)
