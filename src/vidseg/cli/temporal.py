"""``--tc``: whether temporal consistency is measured, and by which flow; by default wherever that is possible."""

from vidseg.cli.parser import Parser

DEFAULT = "auto"


def add_tc_option(parser: Parser, default: str) -> None:
    """The option.

    Args:
        parser: of the command.
        default: what "auto" means there, in words.
    """
    parser.add_argument(
        "--tc",
        default=DEFAULT,
        metavar="F",
        help="temporal consistency under motion, by this flow: dis (needs the extra 'flow'), raft-small, raft-large, "
        f"auto or none (default: {default})",
    )


def chosen_flow(word: str) -> tuple[str | None, str]:
    """The name of the flow that the option's value means; if there is none, the reason in one line.

    Raises:
        MissingExtraError: if a flow that was named needs a package that is not installed.
    """
    from vidseg.errors import MissingExtraError
    from vidseg.flow import ESTIMATORS, flow_estimator

    if word == "none":
        return None, "not wanted: --tc none"
    if word != DEFAULT:
        flow_estimator(word)  # what it lacks is said before anything else is done
        return word, ""
    first = next(iter(ESTIMATORS))
    try:
        flow_estimator(first)
    except MissingExtraError as error:
        return None, str(error)
    return first, ""
