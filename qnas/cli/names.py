"""Commands that list names for a study to use: `qnas spaces`, `qnas objectives`."""

from __future__ import annotations

import click


@click.command("spaces")
def spaces() -> None:
    """List the search spaces."""
    from qnas.errors import ConfigError
    from qnas.spaces import load_space, space_names

    for name in space_names():
        try:
            space = load_space(name)
        except ConfigError as error:  # a plugin's: the others are listed all the same
            click.echo(f"{name:<12} {error}")
            continue
        click.echo(
            f"{name:<12} {space.image_size}x{space.image_size} images, depth {_range(space.depths)}"
            f", width {_range(space.embed_dims)}, heads {_range(space.num_heads)}"
            f", 10^{space.log10_size():.1f} subnets"
        )


def _range(choices: tuple[int, ...]) -> str:
    return f"{choices[0]}-{choices[-1]}" if len(choices) > 1 else str(choices[0])


@click.command("objectives")
def objectives() -> None:
    """List the objectives of a study. Every resource is also a hard limit."""
    from qnas.errors import ConfigError
    from qnas.objectives.registry import objective_info, objective_names

    for name in objective_names():
        try:
            info = objective_info(name)
        except ConfigError as error:  # a plugin's: the others are listed all the same
            click.echo(f"{name:<8} {error}")
            continue
        click.echo(f"{name:<8} {info.direction} {info.unit:<9} {info.about}")
