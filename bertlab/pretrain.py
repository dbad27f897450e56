"""Pre-training from text to a folder: vocabulary, rows, training, and a comparison with two baselines.

`python -m bertlab pretrain` calls `pretrain`; notebook 09 takes the same steps one at a time.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from hashlib import sha256
from pathlib import Path

from . import weights
from .arguments import check_kind, check_number, check_path
from .baselines import score_pretraining
from .batches import Batches
from .continued import (
    Checkpoint,
    add_split_words,
    check_checkpoint_settings,
    check_shard_vocabulary,
    describe_origin,
    fill_in_plan,
    load_checkpoint,
    make_general_plan,
    mix_rows,
    read_general_text,
    restore_dropout,
)
from .corpus import EncodedCorpus, Rows, encode_documents, pair_rows
from .coverage import report_coverage
from .failures import doing
from .files import expand_home, write_json
from .filling import fill_masks as fill_masks
from .first_weights import make_pretraining_model
from .first_weights import start_heads_at_neighbours as start_heads_at_neighbours
from .first_weights import start_heads_copying as start_heads_copying
from .masking import Masking, PretrainingCollate
from .memory import check_training_memory
from .model import PRESETS, BertConfig
from .options import MOST_MINUTES, MOST_SEED, MOST_STEPS, check_plan, option
from .plan_texts import (
    add_former_settings,
    check_text_settings,
    choose_overflow,
    select_kinds,
    split_plan_documents,
)
from .plan_texts import read_documents_and_groups as read_documents_and_groups
from .precision import prefer_precision, settle_precision
from .pretraining_scores import compare_with_baselines, judge_model, thin_batches
from .pretraining_scores import format_pretraining_results as format_pretraining_results
from .processes import check_agreement, decide, divide_batches, is_first_process
from .run_folder import check_free_space, check_minutes, open_run_folder
from .shard_batches import Shards, adopt_settings, open_shards
from .stopping import make_deadline
from .train import TrainConfig, estimate_steps, evaluate, train
from .vocabulary import describe_vocabulary, learn_vocabulary
from .wordpiece import WordPiece

# Peak learning rates for Muon, halved where the width doubles. Those of tiny and mini were tuned on held-out text; the
# others follow the rule and are starting points.
PEAK_LEARNING_RATES = {"tiny": 4e-3, "mini": 2e-3, "small": 1e-3, "medium": 1e-3, "base": 7e-4}
EVALUATIONS = 10  # while training, on a part of the held-out rows; one more is made before


@dataclass(frozen=True)
class PretrainPlan:
    """Everything that a run depends on. It is kept in the run's folder as `run.json`, so a run can go on from there.

    With `from_` the run goes on from a model; without, it begins with random weights of a `preset`.

    The defaults are for minutes on two CPU cores. With hours on a GPU take a larger preset, `vocab_size` 30,000 and
    `length` 128.
    """

    text: tuple[str, ...] = option(("sotu", "wiki"), "named sources, .txt files, folders", "text", metavar="TEXT",
                                   on_resume="may change")  # fmt: skip
    data: str = option("", "shards that prepare made, instead of --text: for text of any size", "text",
                       metavar="FOLDER", on_resume="may change")  # fmt: skip
    vocab_size: int = option(4000, "wordpieces to learn", "text", least=6, most=1_000_000)
    cased: bool = option(False, "a vocabulary that keeps capitals and accents", "text")
    keep_accents: bool = option(False, "keep accents and vowel signs though not capitals: for scripts where they are "
                                "no ornament, such as Devanagari, Thai, kana and Hangul", "text")  # fmt: skip
    length: int = option(64, "tokens a row at most; a model finds its neighbours sooner in short rows", "text",
                         least=5, most=100_000)  # fmt: skip
    times: int = option(1, "go through the text so often, with other pairs each time, before rows come again", "text",
                        least=1, most=1000)  # fmt: skip
    same_source: bool = option(True, "take a random B from any text, not only from that of A: its kind alone can "
                               "give it away", "text")  # fmt: skip
    sentences: str = option("auto", "in texts of yours: lines (one sentence a line), marks (running prose), or auto, "
                            "which looks at each file", "text", metavar="LAYOUT", on_resume="filled in")  # fmt: skip
    overflow: str = option("auto", "tokens that do not fit into a row: keep (for the next), drop (as Google did), or "
                           "auto: keep, but drop where all texts are named sources, as in the published results",
                           "text", metavar="HOW", on_resume="filled in")  # fmt: skip
    held_out: float = option(0.05, "share of the documents to be judged by", "text", above=0, below=1)
    pairs: bool = option(True, "learn masked words alone, without pairs and NSP: for documents of one sentence", "text",
                         on_resume="filled in")  # fmt: skip
    from_: str = option("", 'go on from a model, not from random weights: "minilm", "bertlab-mini", a folder, a name '
                        "on the hub", "a model to go on from", metavar="MODEL", on_resume="may change")  # fmt: skip
    add_words: int = option(0, "add so many words to its vocabulary: the commonest that it cuts into pieces",
                            "a model to go on from", least=0, most=1_000_000)  # fmt: skip
    general: str = option("", "another text: measure its loss before and after", "a model to go on from",
                          metavar="TEXT", on_resume="may change")  # fmt: skip
    mix: float = option(0.0, "share of the rows that are of the general text, against forgetting",
                        "a model to go on from", least=0, below=1)  # fmt: skip
    preset: str = option("tiny", f"size: {', '.join(PRESETS)}", "model", metavar="SIZE")
    unigrams: bool = option(True, "start the MLM bias at zero, not at the log frequencies of the words", "model")
    sinusoids: float = option(
        0.1,
        "start the position table from the sinusoids times N; 0: from random numbers, as Google did",
        "model",
        least=0,
        most=100,
    )
    neighbours: bool = option(
        True,
        "start the heads from random numbers, not at neighbouring tokens (which needs the sinusoids)",
        "model",
    )
    orthogonal: bool = option(True, "start values and outputs of the heads from random numbers, not so that they copy "
                              "what they read", "model")  # fmt: skip
    steps: int = option(0, "of training", "training", shown="by --minutes", least=0, most=MOST_STEPS,
                        on_resume="filled in")  # fmt: skip
    batch_size: int = option(64, "rows a batch", "training", least=1, most=1_000_000)
    accumulate: int = option(1, "batches a step, which all processes share", "training", least=1, most=10_000)
    masked: float = option(0.4, "share of the words to predict while training; judged is always at 15%", "training",
                           above=0, most=1)  # fmt: skip
    whole_words: bool = option(False, "mask all pieces of a word or none", "training")
    segmenter: str = option("", "what finds the words of Chinese for --whole-words: jieba, if it is installed",
                            "training")  # fmt: skip
    optimizer: str = option("muon", "for the matrices of the layers: muon or adamw", "training", metavar="NAME")
    learning_rate: float = option(0.0, "at the peak", "training", shown="by the model's width", least=0, most=10,
                                  on_resume="filled in")  # fmt: skip
    weight_decay: float = option(0.01, "of matrices", "training", least=0, most=100)
    beta2: float = option(0.98, "of the optimizer's average of squared gradients", "training", least=0, below=1)
    warmup: float = option(0.1, "share of the steps over which the rate rises", "training", least=0, most=1)
    dropout: float = option(0.0, "while training; text that is seen a few times needs none", "training",
                            least=0, below=1)  # fmt: skip
    precision: str = option("auto", "of products of matrices: no (float32), bf16, fp16, or auto: what is fastest here",
                            "training", metavar="NAME", on_resume="filled in")  # fmt: skip
    seed: int = option(0, "of weights, pairs, masks and order", "training", least=0, most=MOST_SEED)

    add_former_settings = staticmethod(add_former_settings)  # for plans that older runs recorded

    def __post_init__(self):
        check_plan(self)
        if not self.text:
            raise ValueError("no text: name a source (python -m bertlab data lists them), a .txt file or a folder")
        check_text_settings(self)
        check_checkpoint_settings(self)
        sizes = BertConfig.preset(self.preset, vocab_size=6, max_position_embeddings=max(self.length, 128))
        make_pretraining_config(self)  # raises for what the loop cannot do
        make_masking(self)
        check_training_memory(sizes, self.batch_size, self.length)


def pretrain(
    plan: PretrainPlan,
    folder: str | Path,
    *,
    minutes: float | None = None,
    resume: bool = False,
    watch: Callable[[dict, dict], None] | None = None,
    say: Callable[[str], None] = print,
    stop_after: float | None = None,
    checkpoint_minutes: float = 0.5,
) -> dict:
    """Make a BERT in `folder` from text, and return its results (also in `results.json`).

    With `minutes` instead of `plan.steps` the speed is measured first, and the resulting number of steps is recorded:
    from then on the run is as reproducible as any other. The minutes are those of the training; reading the text and
    the last evaluation take extra time. `resume=True` continues the run in `folder`, or starts it if there is none; a
    training that has ended is not repeated, only what follows it. The folder then opens in transformers (`config.json`,
    `model.safetensors`, the tokenizer's files); `log.jsonl` is the log. Until then the folder holds no part of a model:
    what the run has made lies in its `checkpoints`, of which one is written every `checkpoint_minutes`. After
    `stop_after` minutes in all the run writes one and raises Terminated. Under torchrun the processes share each step's
    batches; the folder must be on a disk that all of them see.

    Raises FileExistsError when `folder` holds a run and `resume` is False, or another model; ValueError when the text
    or the plan is not the one that the run began with; OSError when the folder cannot be written.
    """
    check_kind(plan, PretrainPlan, "plan")
    check_path(folder, "folder")
    if minutes is not None:
        minutes = check_number(minutes, "minutes", above=0, most=MOST_MINUTES)
    checkpoint_minutes = check_number(checkpoint_minutes, "checkpoint_minutes", least=0, most=MOST_MINUTES)
    pace = {"checkpoint_seconds": 60 * checkpoint_minutes, "deadline": make_deadline(stop_after)}
    say = say if is_first_process() else lambda text: None
    folder = expand_home(folder)
    plan = adopt_settings(plan, Shards(plan.data)) if plan.data else plan
    inputs = {"--data": (plan.data,)} if plan.data else {"--text": plan.text}
    inputs |= {f"--{name.strip('_')}": [value] for name in ("from_", "general") if (value := getattr(plan, name))}
    with open_run_folder(folder, plan, resume, inputs) as recorded:
        return run_pretraining(plan, folder, recorded, minutes, watch, say, **pace)


def run_pretraining(
    plan: PretrainPlan,
    folder: Path,
    recorded: dict | None,
    minutes: float | None,
    watch: Callable[[dict, dict], None] | None,
    say: Callable[[str], None],
    checkpoint_seconds: float = 30.0,
    deadline: float | None = None,
) -> dict:
    """`pretrain` in a folder that is held, from the start or from what its run.json `recorded`."""
    if recorded:
        began = recorded["plan"]
        plan = replace(began, text=plan.text, data=plan.data, from_=plan.from_ or began.from_,
                       general=plan.general or began.general)  # fmt: skip
        check_minutes(minutes, recorded, folder)
        say(f"going on with the run in {folder.name}: {plan.steps:,} steps")
    elif not (plan.steps or minutes):
        raise ValueError("how long? Give steps or minutes")

    checkpoint = load_checkpoint(plan, recorded, say) if plan.from_ else None
    plan = fill_in_plan(plan, checkpoint) if checkpoint else plan
    if plan.data:
        inputs = open_shards(plan, folder, recorded, say, make_training_batches, make_held_out_batches)
        check_shard_vocabulary(plan, checkpoint, inputs[0])
    else:
        inputs = read_plan_text(plan, folder, recorded, checkpoint, say)
    tokenizer, text, batches, held_out_batches, reach, digest = inputs
    batches, exams, digest = add_general_text(plan, tokenizer, batches, digest, say)
    check_text_digest(digest, recorded, folder)
    model = make_pretraining_model(plan, tokenizer, text, checkpoint)
    plan, asked = decide(lambda: settle_precision(plan, recorded, model))
    judge = partial(evaluate, batches=thin_batches(held_out_batches), scores=score_pretraining)
    if not plan.steps:
        steps = estimate_steps(minutes, model, batches, make_pretraining_config(plan), judge, EVALUATIONS + 1)
        plan = replace(plan, steps=steps)
        rows = plan.batch_size * plan.accumulate
        say(f"{minutes:g} minutes are {plan.steps:,} steps of {rows:,} rows on this machine")

    def record_run() -> None:
        check_free_space(folder, model, moments=1 if plan.optimizer == "muon" else 2, keep_best=False)
        origin = {"from_sha256": checkpoint.sha256} if checkpoint else {}
        if not recorded:
            write_json(folder / "run.json", {"plan": asdict(plan), "minutes": minutes, "text_sha256": digest,
                                             "asked_precision": asked} | origin)  # fmt: skip

    decide(record_run)
    config = make_pretraining_config(plan)
    config = replace(config, evaluate_every=max(1, plan.steps // EVALUATIONS), log_every=max(1, plan.steps // 100),
                     checkpoint_seconds=checkpoint_seconds)  # fmt: skip
    with prefer_precision(plan.precision):
        before = judge_model(model, {"held_out": held_out_batches} | exams) if checkpoint else {}
    log = train(
        model, batches, config, evaluate=judge, folder=folder, resume=bool(recorded), watch=watch, deadline=deadline
    )

    def finish() -> dict:
        with prefer_precision(plan.precision):
            results = compare_with_baselines(model, text, held_out_batches)
            after = judge_model(model, exams)
        results |= {"steps": plan.steps, "tokens": log[-1]["tokens"], "text": reach}
        if checkpoint:
            results |= describe_origin(plan, checkpoint, tokenizer, before, after)
            restore_dropout(model, checkpoint)
        weights.save(model, folder, tokenizer)
        write_json(folder / "results.json", results)
        return results

    return decide(finish)


# ---- Text ------------------------------------------------------------------------------------------------------------

Inputs = tuple[WordPiece, EncodedCorpus, Batches, Batches, dict, str]


def read_plan_text(
    plan: PretrainPlan,
    folder: Path,
    recorded: dict | None,
    checkpoint: Checkpoint | None,
    say: Callable[[str], None],
) -> Inputs:
    """The vocabulary, the text, batches of it and of the held-out documents, what reaches them, and a digest."""
    training, held_out, kinds = split_plan_documents(plan, say)
    tokenizer = load_vocabulary(folder) if recorded else decide(
        lambda: make_and_save_vocabulary(training, plan, folder, checkpoint, say))  # fmt: skip
    text, held_out_text = encode_documents(training, tokenizer), encode_documents(held_out, tokenizer)
    digest = sha256(text.ids.tobytes() + held_out_text.ids.tobytes()).hexdigest()
    batches = make_training_batches(text, tokenizer, plan, kinds[0])
    if plan.whole_words and not plan.segmenter and batches.collate.chinese[text.ids].any():
        say("each Chinese character is masked as a word of its own: --segmenter jieba masks the words")
    held_out_batches = make_held_out_batches(held_out_text, tokenizer, plan, kinds[1])
    say(describe_vocabulary(tokenizer, 0 if checkpoint else plan.vocab_size))
    reach = {
        "training": report_coverage(training, text, batches.rows, tokenizer, say),
        "held_out": report_coverage(held_out, held_out_text, held_out_batches.rows, tokenizer, say, held_out=True),
    }
    return tokenizer, text, batches, held_out_batches, reach, digest


def make_and_save_vocabulary(
    documents: Sequence[Sequence[str]],
    plan: PretrainPlan,
    folder: Path,
    checkpoint: Checkpoint | None,
    say: Callable[[str], None],
) -> WordPiece:
    """Learn the vocabulary from the training documents, or take that of the checkpoint, perhaps with more words; and
    save it beside the run's checkpoints: a resumed run loads it."""
    if checkpoint is None:
        texts = (sentence for document in documents for sentence in document)
        strip_accents = False if plan.keep_accents else None  # None: where capitals go
        tokenizer = learn_vocabulary(texts, plan.vocab_size, lower=not plan.cased, strip_accents=strip_accents)
    elif plan.add_words:
        tokenizer = add_split_words(documents, checkpoint.tokenizer, plan.add_words, say)
    else:
        tokenizer = checkpoint.tokenizer
    tokenizer.save(folder / "checkpoints" / "tokenizer")
    return tokenizer


def load_vocabulary(folder: Path) -> WordPiece:
    """The vocabulary of the run in `folder`; older versions of bertlab kept it beside the model."""
    own = folder / "checkpoints" / "tokenizer"
    return WordPiece.load(own if own.is_dir() else folder)


def make_masking(plan: PretrainPlan) -> Masking:
    """How the plan masks the training rows. Raises ValueError for a segmenter that there is not."""
    return Masking(rate=plan.masked, whole_words=plan.whole_words, segmenter=plan.segmenter)


@doing("making rows")
def make_training_batches(text: EncodedCorpus, tokenizer: WordPiece, plan: PretrainPlan,
                          kinds: Sequence[str] | None = None, rows: Rows | None = None) -> Batches:  # fmt: skip
    """Masked batches of the training documents, of the `rows` if they are given; `kinds` names the text of each."""
    if rows is None:
        pairs, kinds = "next" if plan.pairs else "none", select_kinds(kinds, text, plan)
        rows = pair_rows(text, plan.length, seed=plan.seed, pairs=pairs, times=plan.times, kinds=kinds,
                         overflow=choose_overflow(plan))  # fmt: skip
    collate = PretrainingCollate(tokenizer, make_masking(plan))
    return Batches(rows, collate, plan.batch_size, seed=plan.seed, lengths=rows.lengths)


def add_general_text(
    plan: PretrainPlan, tokenizer: WordPiece, batches: Batches, digest: str, say: Callable[[str], None]
) -> tuple[Batches, dict[str, Batches], str]:
    """The batches with the share of rows of the general text that the plan mixes in; under "general" the held-out
    batches that show what is forgotten; and the digest of all. All as they are where the plan has no such text."""
    general = read_general_text(plan, tokenizer, say)
    if not general:
        return batches, {}, digest
    general_plan = make_general_plan(plan)
    if plan.mix:
        rows = make_training_batches(general[0], tokenizer, replace(general_plan, batch_size=1)).rows
        batches = mix_rows(batches, rows, plan.mix, say)
    digest = sha256(b"".join([digest.encode(), *(part.ids.tobytes() for part in general)])).hexdigest()
    return batches, {"general": make_held_out_batches(general[1], tokenizer, general_plan)}, digest


def check_text_digest(digest: str, recorded: dict | None, folder: Path) -> None:
    """Raise ValueError when the text is not that of the run, or not the same in all processes."""
    if recorded and recorded["text_sha256"] != digest:
        names = " ".join([*recorded["plan"].text, recorded["plan"].general]).strip()
        raise ValueError(
            f"the text is not the one that the run in {folder} began with ({names}): give it back, or start anew"
        )
    check_agreement(digest, "text")


def make_pretraining_config(plan: PretrainPlan) -> TrainConfig:
    """The settings of the training loop under this plan."""
    return TrainConfig(
        steps=max(1, plan.steps),
        optimizer=plan.optimizer,
        learning_rate=plan.learning_rate or PEAK_LEARNING_RATES[plan.preset],
        warmup=plan.warmup,
        weight_decay=plan.weight_decay,
        beta2=plan.beta2,
        precision=plan.precision,
        accumulate=divide_batches(plan.accumulate, plan.batch_size),
        seed=plan.seed,
    )


# ---- Evaluation ------------------------------------------------------------------------------------------------------


def make_held_out_batches(
    text: EncodedCorpus, tokenizer: WordPiece, plan: PretrainPlan, kinds: Sequence[str] | None = None
) -> Batches:
    """Batches of the held-out documents with 15% masked: the same words in every run, whatever the training masks.

    `kinds` names the text of each document; with `plan.same_source`, a random B comes from the same text as A.
    """
    kinds = select_kinds(kinds, text, plan)
    pairs = "next" if plan.pairs else "none"
    rows = pair_rows(text, plan.length, seed=1, pairs=pairs, kinds=kinds, overflow=choose_overflow(plan))
    return Batches(rows, PretrainingCollate(tokenizer), plan.batch_size, seed=1, shuffle=False)
