"""Check, before training, that the names in a recipe are known to timm."""

from __future__ import annotations

from qnas.training.recipe import Recipe

OWN_OPTIMIZER, OWN_SCHEDULE = "adamw", "cosine"


def check_recipe(recipe: Recipe) -> None:
    """Raise ConfigError for an optimizer, a schedule or a teacher that timm does not know.

    torch and timm are imported only for a recipe that names one of timm's.
    """
    if (recipe.optimizer, recipe.schedule) != (OWN_OPTIMIZER, OWN_SCHEDULE):
        from qnas.training.optimizing import check_optimizing

        check_optimizing(recipe)
    if recipe.teacher:
        from qnas.training.teacher import check_teacher

        check_teacher(recipe.teacher)
