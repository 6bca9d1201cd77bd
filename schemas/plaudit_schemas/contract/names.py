"""The full Avro names of the bodies of events and of the values of feedback, and names of figures."""

from typing import Final

START_CONVERSATION: Final = "plaudit.v1.StartConversation"
UPDATE_CONVERSATION: Final = "plaudit.v1.UpdateConversation"
ADD_MESSAGE: Final = "plaudit.v1.AddMessage"
UPDATE_MESSAGE: Final = "plaudit.v1.UpdateMessage"
COMPARE_MESSAGES: Final = "plaudit.v1.CompareMessages"
END_CONVERSATION: Final = "plaudit.v1.EndConversation"
ERASE_CONVERSATION: Final = "plaudit.v1.EraseConversation"
EXCLUDE_FROM_TRAINING: Final = "plaudit.v1.ExcludeFromTraining"
DECLINE_REVIEW: Final = "plaudit.v1.DeclineReview"

BODY_NAMES: Final = frozenset(
    (
        START_CONVERSATION,
        UPDATE_CONVERSATION,
        ADD_MESSAGE,
        UPDATE_MESSAGE,
        COMPARE_MESSAGES,
        END_CONVERSATION,
        ERASE_CONVERSATION,
        EXCLUDE_FROM_TRAINING,
        DECLINE_REVIEW,
    )
)
"""The bodies that an event may have."""

THUMB: Final = "plaudit.v1.Thumb"
NUMBER: Final = "plaudit.v1.Number"
LABEL: Final = "plaudit.v1.Label"
TEXT: Final = "plaudit.v1.Text"
CORRECTION: Final = "plaudit.v1.Correction"
SIGNAL: Final = "plaudit.v1.Signal"
SPANS: Final = "plaudit.v1.Spans"

ASPECT_FIGURE: Final = "aspect:"
"""The name of an aspect's figure in a metric snapshot is this and the aspect."""
LABEL_SCALE: Final = "label:"
"""The scale of the figure of a label of an aspect is this and the label."""

AGREEMENT_ACCURACY: Final = "agreement_accuracy"
AGREEMENT_AUC: Final = "agreement_auc"
AGREEMENT_BRIER: Final = "agreement_brier"
AGREEMENT_CALIBRATION: Final = "agreement_calibration_error"
AGREEMENT_MCC: Final = "agreement_mcc"
AGREEMENT_FIGURES: Final = (
    AGREEMENT_ACCURACY,
    AGREEMENT_AUC,
    AGREEMENT_BRIER,
    AGREEMENT_CALIBRATION,
    AGREEMENT_MCC,
)
"""How well a scorer agrees with people. In a metric snapshot the name is one of these, a colon and the
aspect; the scale is the scorer, as `id:version`."""


def agreement_figure(name: str, aspect: str) -> str:
    """The name of a scorer's figure in a metric snapshot."""
    return f"{name}:{aspect}"


def agreement_parts(name: str) -> tuple[str, str] | None:
    """The inverse of `agreement_figure`; None for another figure."""
    figure, colon, aspect = name.partition(":")
    return (figure, aspect) if colon and figure in AGREEMENT_FIGURES else None


def full_name(short: str) -> str:
    """`plaudit.v1.AddMessage` for `AddMessage`."""
    return f"plaudit.v1.{short}"


def short_name(full: str) -> str:
    """`AddMessage` for `plaudit.v1.AddMessage`."""
    return full.rpartition(".")[2]
