"""Whether a model and a data set speak of the same classes."""

from vidseg.errors import InputError
from vidseg.types import ClassMap


def require_same_classes(model: ClassMap, dataset: ClassMap) -> None:
    """Checks that every class id means the same to both; palettes don't matter.

    Nothing is reordered or mapped unseen: a score must be of the model as it is.

    Raises:
        InputError: if they differ, telling another order from other classes.
    """
    if model.names == dataset.names:
        return
    if sorted(model.names) == sorted(dataset.names):
        first = next(k for k, pair in enumerate(zip(model.names, dataset.names, strict=True)) if len(set(pair)) > 1)
        raise InputError(
            f"got a model with the data set's classes in another order: id {first} is '{model.names[first]}' to the "
            f"model and '{dataset.names[first]}' to the data set; expected one order; reorder the data set's masks "
            "and class list, or convert the model with the right class list"
        )
    raise InputError(
        f"got a model for {_shortened(model)} and a data set of {_shortened(dataset)}; expected the same classes; "
        "use a model that was trained for this data set, or convert it with the right class list"
    )


def _shortened(classes: ClassMap, limit: int = 4) -> str:
    shown = ", ".join(classes.names[:limit]) + (", …" if classes.num_classes > limit else "")
    return f"{classes.num_classes} class(es) ({shown})"
