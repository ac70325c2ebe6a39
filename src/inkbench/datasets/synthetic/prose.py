"""Endless plausible English prose, assembled from phrases."""

from collections.abc import Iterator

import numpy as np

_SUBJECTS = (
    "the archivist", "every clerk in the office", "a careful reader", "the night porter",
    "our oldest scanner", "the committee", "Mrs Quillfeather", "the printer's apprentice",
    "nobody at the registry", "the insurance company", "Dr Lindqvist", "a visiting engineer",
    "the whole department", "the library in York", "a patient machine", "Judge Oxley",
    "Professor Zimmer", "Captain Hazel Kwan", "the Royal Gazette", "Xavier's secretary",
)  # fmt: skip
_VERBS = (
    "keeps", "has measured", "wants to restore", "sorted", "forgot", "will copy", "describes",
    "cannot find", "weighed", "explained", "signed", "quietly replaced", "examined", "admires",
    "has been looking for", "rejected",
)  # fmt: skip
_OBJECTS = (
    "forty-two yellow folders", "the minutes of the last meeting", "a damp ledger from 1867",
    "the question of margins", "a letter with a broken seal", "several kinds of paper",
    "the effect of coffee on ink", "a map of the harbour", "an index of lost pages",
    "the invoice (No. 9053)", "a box of unsorted receipts", "the second edition",
    "a drawing of a bridge", "the exact width of a line", "their quarterly report",
    "page 16, which nobody had numbered",
    "24 copies of a Greek prayer", "a crossword puzzle", "Verdi's cheque for 230 lire",
    "the size of every zero",
)  # fmt: skip
_PLACES = (
    "in the cellar", "before noon", "with great care", "under a desk lamp", "on Thursday",
    "after the flood of June", "for less than ten pounds", "near the window",
    "at the third attempt", "without any help", "in a single afternoon", "between two meetings",
    "by hand", "as the rules require", "in the reading room", "once again",
    "in Paris or Vienna", "on the way to Wales", "amazingly well", "according to Section 4",
)  # fmt: skip
_JOINTS = (
    "; however,", ", because", ", and", ", although", ": as a result,", ", while", ", but", "; so",
)  # fmt: skip
_OPENINGS = (
    "", "", "", "", "In practice,", "Meanwhile,", "To be fair,", "As expected,", "Last winter,",
    "Oddly enough,", "At first,", "By then,", "Unlike the others,", "For example,",
)  # fmt: skip


def paragraphs(rng: np.random.Generator) -> Iterator[list[str]]:
    """Endless paragraphs, each a list of words."""
    while True:
        sentences = [_sentence(rng) for _ in range(rng.integers(4, 9))]
        yield " ".join(sentences).split()


def _sentence(rng: np.random.Generator) -> str:
    def pick(words: tuple[str, ...]) -> str:
        return words[rng.integers(len(words))]

    text = f"{pick(_OPENINGS)} {_clause(rng)}"
    if rng.random() < 0.45:
        text += f"{pick(_JOINTS)} {_clause(rng)}"
    text = text.strip()
    return text[0].upper() + text[1:] + str(rng.choice([".", ".", ".", ".", "!", "?"]))


def _clause(rng: np.random.Generator) -> str:
    parts = [words[rng.integers(len(words))] for words in (_SUBJECTS, _VERBS, _OBJECTS, _PLACES)]
    return " ".join(parts[: 3 + (rng.random() < 0.6)])
