"""Which model for which job: answer a few questions, and see what to try first, what to compare it with, and why."""

import html
from dataclasses import dataclass

import ipywidgets as widgets

from . import markup
from .shared import make_panel

OUTPUTS = ("a label for a text", "a label for each word", "an answer from a text", "a vector to search with",
           "new text")  # fmt: skip
LANGUAGES = ("English", "Chinese", "several languages", "another language")
LENGTHS = ("sentences", "up to a page", "many pages")
LABELS = ("none", "tens", "hundreds", "thousands")
DOMAINS = ("everyday", "law", "science or medicine", "my own")
MACHINES = ("a CPU, fast answers", "a CPU, overnight", "a GPU")


@dataclass(frozen=True)
class Checkpoint:
    """A published model, with its parameters in millions, the tokens that it reads, and its licence.

    They were checked on 2026-12-01 against the models' cards (MiniLM, DeBERTa, ModernBERT, XLM-R), or the README of
    google-research/bert, ymcui/Chinese-BERT-wwm, JHU-CLSP/mmBERT and LEGAL-BERT. MiniLM has 512 positions; its card
    says that it cuts texts at 256 pieces. The parameters of the Chinese model and of XLM-R are counted by their sizes.
    """

    name: str
    parameters: int
    tokens: int
    licence: str


MINILM = Checkpoint("sentence-transformers/all-MiniLM-L6-v2", 23, 256, "Apache-2.0")
BERT = Checkpoint("google-bert/bert-base-uncased", 110, 512, "Apache-2.0")
DEBERTA = Checkpoint("microsoft/deberta-v3-base", 183, 512, "MIT")
MODERN = Checkpoint("answerdotai/ModernBERT-base", 149, 8192, "Apache-2.0")
CHINESE = Checkpoint("hfl/chinese-roberta-wwm-ext", 102, 512, "Apache-2.0")
XLMR = Checkpoint("FacebookAI/xlm-roberta-base", 278, 512, "MIT")
MMBERT = Checkpoint("jhu-clsp/mmBERT-base", 307, 8192, "MIT")
LEGAL = Checkpoint("nlpaueb/legal-bert-base-uncased", 110, 512, "CC BY-SA 4.0")
CHECKPOINTS = (MINILM, BERT, DEBERTA, MODERN, CHINESE, XLMR, MMBERT, LEGAL)


def recommend_models(output: str, language: str, length: str, labels: str, domain: str, machine: str) -> dict[str, str]:
    """What to try first, what to compare it with, and what to mind: three texts by these names.

    The order of the questions is that of notebook 17's chart: what comes out, whether there are labels, language,
    length, domain, machine. Raises ValueError for an answer that is not one of the choices.
    """
    for given, choices in ((output, OUTPUTS), (language, LANGUAGES), (length, LENGTHS), (labels, LABELS),
                           (domain, DOMAINS), (machine, MACHINES)):  # fmt: skip
        if given not in choices:
            raise ValueError(f"{given!r} is not one of {', '.join(choices)}")
    if output == "new text":
        return {
            "first": "a decoder, or an encoder-decoder where each input has one output (translation, titles)",
            "compare": "a template, or the sentence of the source that answers best",
            "mind": "BERT fills a masked word well and writes badly (notebook 13)",
        }
    if labels == "none" and output != "a vector to search with":
        return {
            "first": "a decoder that follows instructions; or label some texts, and come back",
            "compare": "a rule that you write yourself, on fifty texts that you label by hand",
            "mind": "without labels you cannot know how good any of them is",
        }
    checkpoint, reason = choose_checkpoint(output, language, length, domain, machine)
    first = f"{checkpoint.name} ({checkpoint.parameters} million parameters, {checkpoint.tokens:,} tokens, "
    return {
        "first": f"{first}{checkpoint.licence}): {reason}",
        "compare": choose_baseline(output, labels),
        "mind": note_limits(checkpoint, output, language, length, labels, domain, machine),
    }


def choose_checkpoint(output: str, language: str, length: str, domain: str, machine: str) -> tuple[Checkpoint, str]:
    """The checkpoint to begin with, and why."""
    long = length == "many pages"
    if language == "Chinese":
        return (
            (MMBERT, "it reads Chinese and 8,192 tokens") if long else (CHINESE, "trained on Chinese, masked by words")
        )
    if language != "English":
        return MMBERT, "one model for many languages; XLM-RoBERTa (MIT) is the older choice with more recipes"
    if output == "a vector to search with":
        return MINILM, "tuned for the similarity of sentences; a plain BERT is not"
    if domain == "law" and not long:
        return LEGAL, "trained on 12 GB of laws, cases and contracts"
    if long:
        return MODERN, "it reads 8,192 tokens, where BERT reads 512"
    if machine == "a CPU, fast answers":
        return MINILM, "six narrow layers"
    return (DEBERTA, "strong on labels and answers for its size (He et al. 2021)") if machine == "a GPU" else (
        BERT, "well understood, and every tool reads it")  # fmt: skip


def choose_baseline(output: str, labels: str) -> str:
    """The simple method that must be beaten."""
    if output == "a label for a text":
        extra = "; with tens of labels measure it over several draws" if labels == "tens" else ""
        return f"TF-IDF and logistic regression, which costs a second{extra}"
    return {
        "a label for each word": "the most frequent tag of each word, and a perceptron (notebook 11)",
        "an answer from a text": "the sentence that shares most words with the question (notebook 12)",
        "a vector to search with": "BM25 or TF-IDF: names and numbers are found by their letters",
    }[output]


def note_limits(checkpoint: Checkpoint, output: str, language: str, length: str, labels: str, domain: str,
                machine: str) -> str:  # fmt: skip
    """What may go wrong with this choice."""
    notes = []
    if checkpoint.licence.startswith("CC BY-SA"):
        notes.append("share-alike: ask what that means for a model that you fine-tune and hand on")
    if checkpoint is CHINESE:
        notes.append("a BERT in spite of its name: load it as a BERT, and let TF-IDF count characters")
    if output == "a vector to search with" and checkpoint is not MINILM:
        notes.append("its vectors are not tuned for similarity: train it on pairs of texts first (notebook 12)")
    if checkpoint is MINILM and length != "sentences":
        notes.append("it cuts texts at 256 tokens: split longer ones into passages")
    if domain in ("my own", "science or medicine"):
        notes.append("go on pre-training with your own unlabelled text first (bertlab pretrain --from)")
    if length == "many pages":
        notes.append("if single words decide, TF-IDF reads every page at once")
    if labels == "tens":
        notes.append("freeze the encoder and fit a regression on its vectors before you fine-tune")
    if language == "another language":
        notes.append("count the pieces per word first: a vocabulary that cuts words into letters knows them badly")
    if machine != "a GPU" and checkpoint.parameters > 120:
        notes.append("slow on a CPU: distil it, or take a smaller model")
    return "; ".join(notes) or "nothing special; choose the learning rate on a development set"


def decision_chart() -> widgets.VBox:
    """Six questions, and below them what to try first. Each answer is one of `OUTPUTS`, `LANGUAGES` and so on."""
    questions = (
        ("What comes out", OUTPUTS, 0), ("Language", LANGUAGES, 0), ("Texts are", LENGTHS, 0), ("Labels", LABELS, 2),
        ("Domain", DOMAINS, 0), ("It runs on", MACHINES, 1),
    )  # fmt: skip
    controls = [widgets.Dropdown(options=choices, value=choices[first], description=name)
                for name, choices, first in questions]  # fmt: skip
    return make_panel(controls, decision_html)


def decision_html(*answers: str) -> str:
    """The advice for the six answers, as a table."""
    advice = recommend_models(*answers)
    names = {"first": "try first", "compare": "compare with", "mind": "mind"}
    return markup.format_table([(names[name], html.escape(text)) for name, text in advice.items()])
