"""How does the shell complete what is typed?"""

import click
import msgspec

from daemon.cli import screen
from daemon.cli.arguments import as_json, examples


@click.command(
    epilog=examples(
        "rounds completion bash > ~/.local/share/bash-completion/completions/rounds",
        "rounds completion zsh > ~/.zfunc/_rounds",
        "rounds completion fish > ~/.config/fish/completions/rounds.fish",
    )
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@as_json
@click.pass_context
def completion(ctx: click.Context, shell: str, as_json: bool) -> None:
    """Print the completion script of SHELL.

    It completes commands, options, and the names of connections.
    """
    from click.shell_completion import get_completion_class

    made = get_completion_class(shell)
    assert made is not None, "click knows the shells that the argument lets through"
    script = made(ctx.find_root().command, {}, "rounds", "_ROUNDS_COMPLETE").source()
    if as_json:
        screen.document(msgspec.json.encode({"shell": shell, "script": script}))
    else:
        click.echo(script)
