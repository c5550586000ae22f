"""Shell completion."""

from __future__ import annotations

import click

from keystead.cli.command import Command


@click.command(
    cls=Command,
    examples=[
        "keystead completion bash > /etc/bash_completion.d/keystead",
        "keystead completion fish > ~/.config/fish/completions/keystead.fish",
        'eval "$(keystead completion zsh)"',
    ],
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the completion script of a shell."""
    from click.shell_completion import get_completion_class

    cls = get_completion_class(shell)
    assert cls is not None
    root = context.find_root().command
    click.echo(cls(root, {}, "keystead", "_KEYSTEAD_COMPLETE").source())
