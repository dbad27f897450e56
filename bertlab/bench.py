"""How fast: our training beside `transformers.Trainer`'s, on this machine. `python -m bertlab bench` calls `bench`.

Both sides start from the same weights, and train on the same rows with the same batch size, dropout and optimizer, in
float32 on the CPU. Each side works in a process of its own, is warmed up, and is then asked in turn: A B C A B C.
`bench --curves` calls `curves`, which asks instead how far each side gets in the same minutes, each by its own recipe.

Letters: B rows of a batch, T tokens, t tokens of a row without padding, D hidden, I the feed-forward's width, L layers,
V vocabulary, C classes.
"""

import gc
import math
import multiprocessing
import os
import platform
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from . import pretrain, sources, tasks, weights, wordpiece
from .corpus import Masking, PretrainingCollate, encode, pair_rows
from .heads import IGNORE, Classifier, Pretraining
from .model import BertConfig
from .pretrain import Plan
from .train import Batches, TrainConfig, evaluate, train

OURS, DYNAMIC, GROUPED = "bertlab", "Trainer, dynamic padding", "Trainer, grouped by length"
SIDES = (OURS, DYNAMIC, GROUPED)
SETTINGS = {
    "pretrain-sentences-8k": "pre-training, pairs of single sentences, vocabulary 8,000",
    "pretrain-packed-8k": "pre-training, rows filled with sentences, vocabulary 8,000",
    "pretrain-sentences-30k": "pre-training, pairs of single sentences, vocabulary 30,522",
    "pretrain-packed-30k": "pre-training, rows filled with sentences, vocabulary 30,522",
    "finetune": "fine-tuning, sentiment of film reviews",
}
OPTIMIZER = {"learning_rate": 1e-4, "weight_decay": 0.01}
EPSILON, CLIP = 1e-6, 1.0
SAME = 1e-3  # the largest difference of the two models' first losses, in nats: float32 leaves some 1e-6
SHAPES = [(1024, 1024, 1024), (2048, 2048, 2048), (4096, 1024, 512), (2048, 256, 1024)]  # of the matrix products
PART = 4  # every fourth document is enough text, and read in a quarter of the time
FEW = 8  # rows that are enough to compare two models, or to warm up with


@dataclass(frozen=True)
class BenchConfig:
    """What is measured, and how long. Raises ValueError for what cannot be."""

    only: tuple[str, ...] = ()  # names of SETTINGS, or parts of them: "pretrain", "30k", "packed-8k"; none: all
    preset: str = "mini"  # the size of what is pre-trained
    text: tuple[str, ...] = ("sotu", "wiki")  # for pre-training: named sources, .txt files, folders
    length: int = 128  # tokens a row at most
    batch_size: int = 32
    dropout: float = 0.1  # on both sides, hidden and attention, as published
    rounds: int = 3  # measurements of each side
    seconds: float = 1.0  # of training, about, a measurement; two steps of the Trainer may take many more
    threads: int = 0  # 0: what torch takes by itself

    def __post_init__(self):
        BertConfig.preset(self.preset, hidden_dropout_prob=self.dropout)  # complains of what cannot be
        for name in ("rounds", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")
        if not 0 < self.seconds < float("inf"):
            raise ValueError(f"seconds is {self.seconds}; a measurement takes more than none")
        if self.threads < 0:
            raise ValueError(f"threads is {self.threads}; give their number, or 0 for as many as torch takes")
        if not self.text:
            raise ValueError("no text: name a source, a .txt file or a folder")
        self.chosen()

    def chosen(self) -> list[str]:
        """The names of the settings that `only` asks for, in their order."""
        for wish in self.only:
            if not any(set(wish.split("-")) <= set(name.split("-")) for name in SETTINGS):
                raise ValueError(f"no setting {wish!r}; there are {', '.join(SETTINGS)}, and parts of these names")
        wanted = [set(wish.split("-")) for wish in self.only] or [set()]
        return [name for name in SETTINGS if any(parts <= set(name.split("-")) for parts in wanted)]


@dataclass(frozen=True, eq=False)
class Setting:
    """One thing to train, as it is sent to each side's process: where the weights are, the rows, and how to batch them.

    `lengths` (N,) are the tokens of each row of a batch.
    """

    name: str
    title: str
    kind: type  # Pretraining or Classifier; the Trainer gets transformers' counterpart
    folder: Path
    rows: Sequence
    lengths: np.ndarray
    collate: Callable[[Sequence, np.random.Generator], dict[str, Tensor]]
    batch_size: int


def bench(config: BenchConfig, say: Callable[[str], None] = lambda text: None) -> dict:
    """Measure all that `config` asks for, and return plain numbers: see `table` for what they mean.

    The first use fetches the texts. Raises OSError when they cannot be had or a process dies, ValueError for text that
    does not fill a batch, RuntimeError when the two sides do not compute the same loss from the same weights.
    """
    facts = {"config": asdict(config), "machine": machine(config.threads or torch.get_num_threads())}
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="bertlab-bench-") as folder, server() as processes:
        found = []
        for setting in settings(config, Path(folder), say):
            say(f"measuring: {setting.title}")
            found.append(measure(setting, config.rounds, config.seconds, facts["machine"]["threads"], processes))
            found[-1]["gemm_flops_per_second"] = fastest_product(facts["machine"]["threads"])
    peak = max(setting["gemm_flops_per_second"] for setting in found)
    for side in (side for setting in found for side in setting["sides"]):
        side["utilisation"] = side["useful_flops_per_second"] / peak
    return facts | {"seconds": time.monotonic() - start, "gemm_flops_per_second": peak, "settings": found}


def machine(threads: int) -> dict:
    """What the numbers hang on. `load` is how many programs wanted a core in the last minute, before we began."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None  # Windows does not tell
    return {
        "processor": processor(), "system": platform.platform(), "cores": os.cpu_count(), "threads": threads,
        "load": load, "python": platform.python_version(), "torch": torch.__version__,
        "transformers": version("transformers"),
    }  # fmt: skip


def processor() -> str:
    """The processor's name, as well as the system tells it."""
    facts = Path("/proc/cpuinfo")
    lines = facts.read_text(encoding="utf-8").splitlines() if facts.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


# ---------------------------------------------------------------- what is trained


def settings(config: BenchConfig, folder: Path, say: Callable[[str], None]) -> Iterator[Setting]:
    """The chosen settings, each made when it is its turn: text to rows, and a model with its weights in `folder`."""
    chosen = config.chosen()
    documents = read(config.text, say) if any(name.startswith("pretrain") for name in chosen) else []
    for size in ("8k", "30k"):
        names = [name for name in chosen if name.startswith("pretrain") and name.endswith(size)]
        if names:
            pieces = vocabulary(size, documents)
            text = encode(documents, pieces)
            sizes = BertConfig.preset(config.preset, vocab_size=len(pieces), pad_token_id=pieces.pad_id,
                                      max_position_embeddings=max(config.length, 128))  # fmt: skip
            model = save(seeded(Pretraining, sizes), config.dropout, folder / size)
        for name in names:
            rows = pair_rows(text, config.length, seed=0, pairs="sentences" if "sentences" in name else "next")
            title = SETTINGS[name].rpartition(" ")[0] + f" {len(pieces):,}"
            collate = PretrainingCollate(pieces)
            yield Setting(name, title, Pretraining, model, rows, rows.lengths, collate, config.batch_size)
    if "finetune" in chosen:
        yield finetuning(config, folder / "finetune")


def read(names: Sequence[str], say: Callable[[str], None]) -> list[list[str]]:
    """Documents of the named texts: every fourth one of a source that holds thousands, all of a smaller text."""
    say(f"reading {' and '.join(names)}")
    documents = [document for name in names for document in sources.documents(name)]
    return documents[:: PART if len(documents) > 4000 else 1]


def vocabulary(size: str, documents: Sequence[Sequence[str]]) -> wordpiece.WordPiece:
    """ "8k": learned from the text. "30k": all-MiniLM's, which is bert-base-uncased's, if it is here; else learned."""
    if size == "30k" and here("minilm"):
        return wordpiece.WordPiece.load(sources.minilm())
    sentences = (sentence for document in documents for sentence in document)
    return wordpiece.learn_bulk(sentences, 8000 if size == "8k" else 30522)


def here(name: str) -> bool:
    """Is the source in the cache?"""
    return any(row["cached"] for row in sources.listing() if row["name"] == name)


def seeded(make: Callable, *arguments, **more) -> torch.nn.Module:
    """What `make` makes, with random weights from seed 0."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return make(*arguments, **more)


def save(model: torch.nn.Module, dropout: float, folder: Path) -> Path:
    """The model, with this dropout everywhere, in a folder that both sides open."""
    model.config = replace(model.config, hidden_dropout_prob=dropout, attention_probs_dropout_prob=dropout)
    if isinstance(model, Classifier):
        model.dropout.p = dropout
    return weights.save(model, folder)


def finetuning(config: BenchConfig, folder: Path) -> Setting:
    """Two classes of film reviews (above zero or not), with all-MiniLM's weights if they are here, else random ones."""
    reviews = sources.sentiment("movies")
    texts = [text for text, _ in reviews]
    if here("minilm"):
        pieces, size = wordpiece.WordPiece.load(sources.minilm()), "MiniLM"
        model = seeded(weights.load, "minilm", Classifier, num_labels=2, new_heads=True)
    else:
        pieces, size = wordpiece.learn_bulk(texts, 30522), config.preset
        model = seeded(Classifier, BertConfig.preset(size, vocab_size=len(pieces), pad_token_id=pieces.pad_id), 2)
    save(model, config.dropout, folder)
    most = config.length - 2
    rows = [
        {"input_ids": [pieces.cls_id, *ids[:most], pieces.sep_id], "labels": int(score > 0)}
        for ids, (_, score) in zip(pieces.encode_bulk(texts), reviews, strict=True)
    ]
    lengths, collate = np.array(tasks.lengths(rows)), tasks.Collate(pieces.pad_id)
    title = f"{SETTINGS['finetune']}, {size}"
    return Setting("finetune", title, Classifier, folder, rows, lengths, collate, config.batch_size)


# ---------------------------------------------------------------- one side, in its own process


class Side:
    """A model, and how it is trained. It lives in a process of its own: see `serve`."""

    def __init__(self, setting: Setting, name: str):
        import transformers.trainer  # noqa: F401  on all sides, so that none counts as memory what it imports

        self.setting, self.name = setting, name
        self.before = peak_memory()
        self.model = opened(setting, name)

    def first_loss(self) -> float:
        """The loss of the first rows before any training, without dropout: the same on all sides."""
        count = min(len(self.setting.rows), FEW)
        batch = self.setting.collate([self.setting.rows[i] for i in range(count)], np.random.default_rng(0))
        self.model.eval()
        with torch.no_grad():
            return float(self.model(**batch).loss)

    def fit(self, number: int, steps: int, batch_size: int = 0) -> dict[str, float]:
        """Train for `steps` steps, on batches that hang on the measurement's `number`, by the side's own loop.

        The seconds are those from making the first batch to the end of the last step. The rows are laid out before.
        `batch_size` is the setting's, unless another is asked for.
        """
        setting = replace(self.setting, batch_size=batch_size or self.setting.batch_size)
        chosen = order(setting, self.name, number)
        chosen = chosen[np.arange(steps) % len(chosen)].ravel()
        rows = [setting.rows[int(i)] for i in chosen]
        clock = Clock(setting.collate)
        batches = Batches(rows, clock, setting.batch_size, seed=number, shuffle=False)
        config = TrainConfig(steps=steps, log_every=steps, warmup=0.0, epsilon=EPSILON, clip=CLIP, **OPTIMIZER)
        self.model.train()
        loss = (fit_ours if self.name == OURS else fit_theirs)(self.model, batches, config, clock.lap)
        seconds = clock.seconds()
        classes = getattr(self.model, "num_labels", 2)
        flops = sum(useful_flops(self.model.config, batches[i], classes) for i in range(steps))
        tokens = int(self.setting.lengths[chosen].sum())
        return {"steps": steps, "seconds": seconds, "tokens": tokens, "useful_flops": flops, "loss": loss}

    def memory(self) -> dict[str, int]:
        """Bytes: the process's high-water mark, and what of it came since the imports: weights, gradients, AdamW's
        moments, activations."""
        peak = peak_memory()
        return {"peak_bytes": peak, "training_bytes": peak - self.before}


def opened(setting: Setting, name: str) -> torch.nn.Module:
    """The setting's model with its first weights: ours, or transformers' counterpart."""
    if name == OURS:
        return weights.load(setting.folder, setting.kind)
    import transformers

    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    return getattr(transformers, weights.KINDS[setting.kind]).from_pretrained(setting.folder)


class Clock:
    """A collate that notes when it makes the first batch; `lap` notes the end of a step, and the last one counts.

    What a side does once a run, before its first batch and after its last step, is nothing in a long run. In one of a
    second it would count: the Trainer takes some tenths of one, ours a hundredth.
    """

    def __init__(self, collate: Callable):
        self.collate = collate
        self.start = self.end = 0.0

    def __call__(self, rows: Sequence, rng: np.random.Generator) -> dict[str, Tensor]:
        self.start = self.start or time.perf_counter()
        return self.collate(rows, rng)

    def lap(self, step: int = 0) -> None:
        self.end = time.perf_counter()

    def seconds(self) -> float:
        return self.end - self.start


def fit_ours(model: torch.nn.Module, batches: Batches, config: TrainConfig, lap: Callable[[int], None]) -> float:
    """All batches once by `bertlab.train.train`, as everybody calls it; returns the mean loss of the last log row.

    `lap(step)` is called at the end of each step that is logged.
    """
    return train(model, batches, config, watch=lambda row, status: lap(row["step"]) if row else None)[-1]["loss"]


def fit_theirs(model: torch.nn.Module, batches: Batches, config: TrainConfig, lap: Callable[[int], None]) -> float:
    """The same by `Trainer.train`, with nothing switched on that costs time: no logs, bars, checkpoints, evaluation.

    Our collate makes its batches too: same share of masked words, and the Trainer's own collator for masked words knows
    no next sentence. `lap(step)` is called at the end of each step. Returns the mean loss.
    """
    from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments

    class Laps(TrainerCallback):
        def on_step_end(self, args, state, control, **_):
            lap(state.global_step)

    rng = np.random.default_rng(batches.seed)
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder, num_train_epochs=1, per_device_train_batch_size=batches.batch_size,
            train_sampling_strategy="sequential",  # `order` has sampled
            optim="adamw_torch_fused", learning_rate=config.learning_rate, weight_decay=config.weight_decay,
            adam_beta1=config.beta1, adam_beta2=config.beta2, adam_epsilon=config.epsilon, max_grad_norm=config.clip,
            lr_scheduler_type="linear", warmup_steps=round(config.warmup * config.steps),
            use_cpu=True, dataloader_num_workers=0, remove_unused_columns=False,
            report_to="none", logging_strategy="no", save_strategy="no", eval_strategy="no", disable_tqdm=True,
        )  # fmt: skip
        collate = lambda rows: batches.collate(rows, rng)  # noqa: E731
        trainer = Trainer(model, arguments, collate, batches.rows, callbacks=[Laps()])
        trainer.remove_callback(PrinterCallback)
        return trainer.train().training_loss


def order(setting: Setting, side: str, number: int) -> np.ndarray:
    """The batches of an epoch as the side's own sampler makes them: numbers of rows, (batches, B).

    Ours: `Batches` with lengths. The Trainer's: random rows, or `train_sampling_strategy="group_by_length"`. Where rows
    are grouped, some batches are long and others short, and the Trainer takes the longest ones first. A short
    measurement must see all kinds: so these batches are taken in another order, in which any first few are spread over
    all lengths.
    """
    lengths, B = setting.lengths, setting.batch_size
    if side == OURS:
        batches = Batches(setting.rows, setting.collate, B, seed=number, lengths=lengths).order(0)
    elif side == GROUPED:
        from transformers.trainer_pt_utils import LengthGroupedSampler

        random = torch.Generator().manual_seed(number)
        rows = list(LengthGroupedSampler(B, lengths=lengths.tolist(), generator=random))
        batches = np.array(rows[: len(rows) // B * B]).reshape(-1, B)
    else:
        rows = np.random.default_rng(number).permutation(len(lengths))
        return rows[: len(rows) // B * B].reshape(-1, B)
    by_length = batches[np.argsort(lengths[batches].mean(1), kind="stable")]
    return by_length[spread(len(by_length), number)]


def spread(count: int, number: int) -> np.ndarray:
    """A permutation of `count` places whose first few are spread evenly, by steps of the golden ratio (van der Corput's
    idea); other `number`s start elsewhere."""
    points = ((np.arange(count) + 0.5) * 0.6180339887498949 + number * 0.3819) % 1
    return np.argsort(np.argsort(points))


def useful_flops(config, batch: dict[str, Tensor], classes: int = 2) -> float:
    """The floating-point operations that a training step on this batch cannot do without.

    A multiplication and its addition are two operations, and going back costs twice as much as going forward: 6 a
    weight and token (Kaplan et al. 2020, "Scaling Laws for Neural Language Models", section 2.1), and as much for each
    product in attention (Chowdhery et al. 2022, "PaLM", appendix B, which defines utilisation by them). Counted are

        a layer             t (4 D^2 + 2 D I) + 2 t^2 D     for a row of t tokens
        the last layer      t 2 D^2 + q (2 D^2 + 2 D I) + 2 q t D     as only q of its tokens are read
        MLM                 D^2 + D V     a label
        pooler with NSP     D^2 + 2 D     a row; with a classifier D^2 + D C

    multiplications forward, where q is 1 for [CLS], plus the row's labels. So nothing is counted for padding, for the
    vocabulary where there is no label, nor for lookups, LayerNorm, softmax, GELU, dropout and AdamW.
    """
    ids, labels = batch["input_ids"], batch["labels"]
    mask = batch.get("attention_mask")
    t = torch.full((len(ids),), ids.size(1)).double() if mask is None else mask.sum(1).double()  # (B,)
    words = (labels != IGNORE).sum(1).double() if labels.dim() == 2 else torch.zeros(len(ids)).double()
    classes = 2 if labels.dim() == 2 else classes
    q = words + 1
    D, I, L, V = config.hidden_size, config.intermediate_size, config.num_hidden_layers, config.vocab_size  # noqa: E741
    a_layer = t * (4 * D * D + 2 * D * I) + 2 * t * t * D
    last = t * 2 * D * D + q * (2 * D * D + 2 * D * I) + 2 * q * t * D
    heads = words * (D * D + D * V) + D * D + D * classes
    return 6 * float(((L - 1) * a_layer + last + heads).sum())


def gemm_peak(seconds: float = 0.25) -> float:
    """The fastest float32 matrix product that was seen, in operations a second; each of SHAPES gets so many seconds."""
    best = 0.0
    for m, k, n in SHAPES:
        a, b, out = torch.ones(m, k), torch.ones(k, n), torch.empty(m, n)
        torch.mm(a, b, out=out)
        end = time.perf_counter() + seconds
        while (start := time.perf_counter()) < end:
            torch.mm(a, b, out=out)
            best = max(best, 2 * m * k * n / (time.perf_counter() - start))
    return best


def fastest_product(threads: int) -> float:
    """`gemm_peak` by so many threads; afterwards torch takes as many as before."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        return gemm_peak(0.1)
    finally:
        torch.set_num_threads(before)


def peak_memory() -> int:
    """The most bytes of memory that this process has held at a time (resident set, high-water mark)."""
    status = Path("/proc/self/status")
    if status.exists():  # getrusage would count what the parent held when it started us
        return next(int(line.split()[1]) * 1024 for line in status.read_text().splitlines() if "VmHWM" in line)
    if os.name == "nt":
        import psutil

        return psutil.Process().memory_info().peak_wset
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


# ---------------------------------------------------------------- all sides, in turn


@contextmanager
def server() -> Iterator[multiprocessing.context.BaseContext]:
    """Where the sides' processes come from. Each starts with the same libraries imported, and with nothing else.

    Where the system can fork, one clean process imports what both sides need, and each side is a copy of it; Windows
    starts every process anew, and that takes longer. A GPU would take another bench: there is none here to try it on.
    """
    wanted = {"CUDA_VISIBLE_DEVICES": "", "ACCELERATE_USE_CPU": "true", "TOKENIZERS_PARALLELISM": "false"}
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        if "forkserver" in multiprocessing.get_all_start_methods():
            context = multiprocessing.get_context("forkserver")
            context.set_forkserver_preload(["bertlab.bench", "transformers.trainer"])
            from multiprocessing import forkserver  # not on Windows

            forkserver.ensure_running()  # it imports while we read the text
        else:
            context = multiprocessing.get_context("spawn")
        yield context
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


class Asked:
    """The parent's end of a side: `ask` sends a question to its process and waits for the answer.

    The process runs `target(pipe, what, name, threads)`, which is `serve` for a Setting, `learn` for a Course.
    """

    def __init__(self, target: Callable, what, name: str, threads: int, processes: multiprocessing.context.BaseContext):
        self.name = name
        self.pipe, theirs = processes.Pipe()
        self.process = processes.Process(target=target, args=(theirs, what, name, threads), daemon=True)
        self.process.start()
        theirs.close()

    def ask(self, what: str, *arguments):
        """Raises ChildProcessError when the process is gone or failed, with what it said."""
        try:
            self.pipe.send((what, arguments))
            fine, answer = self.pipe.recv()
        except (EOFError, OSError):
            self.process.join(10)
            raise ChildProcessError(
                f"the process of {self.name!r} ended with code {self.process.exitcode}; was there enough memory?"
            ) from None
        if not fine:
            raise ChildProcessError(f"{self.name}: {answer}")
        return answer

    def close(self) -> None:
        self.pipe.close()
        self.process.join(2)
        if self.process.is_alive():
            self.process.terminate()
            self.process.join()
        self.process.close()


def begin(threads: int) -> None:
    """What every side's process does first."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's; it ends us
    torch.set_num_threads(threads)
    gc.freeze()  # the Trainer collects garbage before each run, and would look through all that is imported


def serve(pipe, setting: Setting, name: str, threads: int) -> None:
    """The process of a side: build it, then answer until the parent closes the pipe."""
    begin(threads)
    side = None
    with suppress(EOFError, OSError):  # the parent is gone, or has heard enough
        while True:
            what, arguments = pipe.recv()
            try:
                side = side or Side(setting, name)
                answer = (True, getattr(side, what)(*arguments))
            except Exception as error:  # whatever it is, the parent tells it
                answer = (False, f"{type(error).__name__}: {error}")
            pipe.send(answer)


def measure(
    setting: Setting, rounds: int, seconds: float, threads: int, processes: multiprocessing.context.BaseContext
) -> dict:
    """All sides of a setting, in turn. A side's steps are as many as take about `seconds`.

    Grouped batches of short and of long rows differ in speed, so that two at least are asked for. Of batches that are
    all alike, as those of random rows or of full ones, one will do: the slowest sides take seconds for it.
    """
    start = time.monotonic()
    if len(setting.rows) < setting.batch_size:
        raise ValueError(
            f"{setting.title}: {len(setting.rows)} rows do not fill one batch of {setting.batch_size}: give more text, "
            "or smaller batches"
        )
    sides = []
    try:
        sides += [Asked(serve, setting, name, threads, processes) for name in SIDES]
        same_start(setting, {side.name: side.ask("first_loss") for side in sides})
        steps = {}
        full = np.median(setting.lengths) == setting.lengths.max()  # most rows
        for side in sides:  # the first step makes AdamW's moments and warms caches up; few rows are enough for that
            first = side.ask("fit", rounds, 2, min(FEW, setting.batch_size))
            a_step = setting.lengths.mean() * setting.batch_size * first["seconds"] / first["tokens"]
            steps[side.name] = max(1 if full or side.name == DYNAMIC else 2, round(seconds / a_step))
        found = {name: [] for name in SIDES}
        for number in range(rounds):
            for side in sides:
                found[side.name].append(side.ask("fit", number, steps[side.name]))
        memory = {side.name: side.ask("memory") for side in sides}
    finally:
        for side in sides:
            side.close()
    summed = [summary(name, found[name], found[OURS]) | memory[name] for name in SIDES]
    lengths = setting.lengths
    facts = {"name": setting.name, "title": setting.title, "rows": len(lengths), "mean_length": float(lengths.mean()),
             "longest": int(lengths.max()), "batch_size": setting.batch_size}  # fmt: skip
    return facts | {"seconds": time.monotonic() - start, "sides": summed}


def same_start(setting: Setting, losses: dict[str, float]) -> None:
    """RuntimeError unless all sides find the same loss in the same rows: then they hold the same model."""
    if not max(losses.values()) - min(losses.values()) <= SAME:
        said = ", ".join(f"{name} {loss:.6f}" for name, loss in losses.items())
        raise RuntimeError(f"{setting.title}: the sides do not start from the same loss ({said})")


def summary(name: str, found: Sequence[dict], ours: Sequence[dict]) -> dict:
    """Medians of the rounds, with the least and the most. `times` is how many times as fast ours is in each round."""
    speed = np.array([one["tokens"] / one["seconds"] for one in found])
    times = np.array([one["tokens"] / one["seconds"] for one in ours]) / speed
    return {
        "side": name,
        "tokens_per_second": middle(speed),
        "times": middle(times),
        "useful_flops_per_second": float(np.median([one["useful_flops"] / one["seconds"] for one in found])),
        "measurements": list(found),
    }


def middle(values: np.ndarray) -> dict[str, float]:
    return {"median": float(np.median(values)), "least": float(values.min()), "most": float(values.max())}


# ---------------------------------------------------------------- what came out


def table(results: dict) -> str:
    """The results as lines of text.

    tokens/s     real tokens (padding is not counted) a second: the median of the rounds, the least and the most
    ours is      how many times as fast bertlab is, measured side by side in each round: median, least and most
    of peak      useful operations (`useful_flops`) a second, over the machine's fastest matrix product
    training MB  what the process held at most, less what it held before the model was loaded
    """
    config, facts = results["config"], results["machine"]
    load = "" if facts["load"] is None else f", load {facts['load']:.1f} before it began"
    lines = [
        f"{facts['processor']}, {facts['threads']} thread(s){load}; torch {facts['torch']}, "
        f"transformers {facts['transformers']}; float32 on the CPU",
        f"{config['preset']} for pre-training, {config['batch_size']} rows a step, dropout {config['dropout']:g}, "
        f"{config['rounds']} rounds; fastest matrix product {results['gemm_flops_per_second'] / 1e9:,.0f} GFLOP/s",
    ]
    for setting in results["settings"]:
        lines += ["", f"{setting['title']}; {setting['mean_length']:.0f} tokens a row, {setting['longest']} at most",
                  f"  {'':<27}{'tokens/s':>8} {'(least - most)':<19}{'ours is':>8} {'(least - most)':<15}"
                  f"{'of peak':>8}{'training MB':>13}"]  # fmt: skip
        for side in setting["sides"]:
            speed, times = side["tokens_per_second"], side["times"]
            between = f"({speed['least']:,.0f} - {speed['most']:,.0f})"
            faster, spread = f"{times['median']:.2f}x", f"({times['least']:.2f} - {times['most']:.2f})"
            if side["side"] == OURS:
                faster = spread = ""
            lines.append(
                f"  {side['side']:<27}{speed['median']:>8,.0f} {between:<19}{faster:>8} {spread:<15}"
                f"{100 * side['utilisation']:>7.0f}%{side['training_bytes'] / 1e6:>13,.0f}"
            )
    return "\n".join(lines)


def picture(results: dict):
    """The speeds as bars, a panel for each setting: a matplotlib figure."""
    from matplotlib.figure import Figure

    from . import plots

    settings = results["settings"]
    figure = Figure((7.5, 0.6 + 1.4 * len(settings)), layout="constrained")
    for setting, ax in zip(settings, figure.subplots(len(settings), squeeze=False)[:, 0], strict=True):
        speeds = [side["tokens_per_second"] for side in setting["sides"]]
        plots.bars(
            [side["side"] for side in setting["sides"]],
            [speed["median"] for speed in speeds],
            errors=[(speed["most"] - speed["least"]) / 2 for speed in speeds],
            title=setting["title"],
            shape="{:,.0f}",
            ax=ax,
        )
    ax.set_xlabel("tokens a second, padding not counted")
    return figure


# ---------------------------------------------------------------- learning curves

TUNED, PUBLISHED = "Trainer, tuned", "Trainer, as published"
LEARNERS = {OURS: OURS, TUNED: GROUPED, PUBLISHED: DYNAMIC}  # and whose sampler each takes
TRIED = (0.25, 0.5, 1.0)  # of Muon's rate: the rates that AdamW may choose from
TRIAL = 0.25  # the share of the minutes that each is tried for
POINTS = 12  # of a curve, about
JUDGED = 1024  # rows that a point is judged by


@dataclass(frozen=True, eq=False)
class Course:
    """How a learner learns (`recipe`, whose steps and rate are told later), from what, and by what it is judged."""

    setting: Setting
    recipe: TrainConfig
    held_out: Batches


def curves(plan: Plan, minutes: float, threads: int = 0, say: Callable[[str], None] = lambda text: None) -> dict:
    """Held-out MLM loss against training seconds and steps, of three learners with the same rows and minutes.

    bertlab                as `pretrain` does it under `plan`
    Trainer, tuned         the same first weights, masking rate, dropout and schedule, rows grouped by length, AdamW at
                           the best of three rates (TRIED), each tried for a quarter of the minutes beforehand
    Trainer, as published  from random weights, 15% masked, dropout 0.1, rate 1e-4 after a warm-up of 1% of the steps,
                           dynamic padding (Devlin et al. 2018, A.2)

    Each learner's number of steps is fixed from its measured speed, for its learning rate must know the end. Then they
    train in turns, A B C A B C, so that whatever else the machine does meets all of them. Judging takes no training
    time. Raises ValueError for minutes that are none, OSError for text that cannot be had or a process that dies.
    """
    if not 0 < minutes < math.inf:
        raise ValueError(f"minutes is {minutes}; it must be above 0")
    start, facts = time.monotonic(), machine(threads or torch.get_num_threads())
    with tempfile.TemporaryDirectory(prefix="bertlab-curves-") as folder, server() as processes:
        say(f"reading {' and '.join(plan.text)}")
        courses, baselines = studies(plan, Path(folder))
        learners = []
        try:
            for name in LEARNERS:
                learners.append(Asked(learn, courses[name], name, facts["threads"], processes))
            say("measuring the speeds")
            speeds = [[learner.ask("seconds a step") for learner in learners] for _ in range(2)]
            steps = [max(1, int(60 * minutes / a_step)) for a_step in np.mean(speeds, 0)]
            rates, tried = [courses[name].recipe.learning_rate for name in LEARNERS], {}
            for rate in [share * rates[0] for share in TRIED]:
                say(f"{TUNED}: trying the rate {rate:g}")
                run = in_turn(learners[1:2], [max(1, round(TRIAL * steps[1]))], [rate], math.inf)
                tried[rate] = run[0][-1]["mlm_loss"]
            rates[1] = min(tried, key=lambda rate: tried[rate] if math.isfinite(tried[rate]) else math.inf)
            say(f"training all three in turns for {minutes:g} minutes each")
            found = in_turn(learners, steps, rates, 60 * minutes / POINTS)
        finally:
            for learner in learners:
                learner.close()
    lines = [
        {"name": name, "learning_rate": rate, "steps": count, "points": points}
        for name, rate, count, points in zip(LEARNERS, rates, steps, found, strict=True)
    ]
    tried = [{"learning_rate": rate, "mlm_loss": loss} for rate, loss in tried.items()]
    return {"plan": asdict(plan), "machine": facts, "minutes": minutes, "seconds": time.monotonic() - start,
            "baselines": baselines, "tried": tried, "tried_minutes": TRIAL * minutes, "learners": lines}  # fmt: skip


def studies(plan: Plan, folder: Path) -> tuple[dict[str, Course], dict[str, float]]:
    """The three courses, their first weights in `folder`, and the losses of the most frequent word and the bigram."""
    training, judged, kinds = pretrain.divide(plan)
    pieces = wordpiece.learn_bulk((sentence for document in training for sentence in document), plan.vocab_size)
    text, test = encode(training, pieces), encode(judged, pieces)
    kept = pretrain.kept_kinds(kinds[0], text, plan)
    rows = pair_rows(text, plan.length, seed=plan.seed, times=plan.times, kinds=kept)
    held_out = pretrain.quick(pretrain.judging_batches(test, pieces, plan, kinds[1]), JUDGED)
    plans = {
        OURS: plan,
        TUNED: replace(plan, optimizer="adamw"),
        PUBLISHED: replace(plan, optimizer="adamw", learning_rate=1e-4, warmup=0.01, beta2=0.999, masked=0.15,
                           dropout=0.1, unigrams=False, sinusoids=0.0, neighbours=False),
    }  # fmt: skip
    courses = {}
    for number, (name, own) in enumerate(plans.items()):
        place = weights.save(pretrain.new_model(own, pieces, text), folder / str(number))
        collate = PretrainingCollate(pieces, Masking(rate=own.masked, whole_words=own.whole_words))
        setting = Setting(name, name, Pretraining, place, rows, rows.lengths, collate, plan.batch_size)
        courses[name] = Course(setting, pretrain.settings(own), held_out)
    guesses = {"unigram": pretrain.unigram(text, len(pieces)), "bigram": pretrain.Bigram(text, len(pieces))}
    return courses, {name: pretrain.judge(guess, held_out)["mlm_loss"] for name, guess in guesses.items()}


def in_turn(
    learners: Sequence[Asked], steps: Sequence[int], rates: Sequence[float], seconds: float
) -> list[list[dict]]:
    """Train all learners, `seconds` each in turn, until all have taken their steps; returns the points of each."""
    found = [[learner.ask("start", *how)] for learner, *how in zip(learners, steps, rates, strict=True)]
    while not all(points[-1]["ended"] for points in found):
        for learner, points in zip(learners, found, strict=True):
            if not points[-1]["ended"]:
                points.append(learner.ask("go on", seconds))
    return found


def learn(pipe, course: Course, name: str, threads: int) -> None:
    """The process of a learner: measures its speed, and trains from the first weights as often as it is asked to."""
    begin(threads)
    fit = fit_ours if name == OURS else fit_theirs
    with suppress(EOFError, OSError):  # the parent is gone, or has heard enough
        while True:
            what, arguments = pipe.recv()
            try:
                model = opened(course.setting, name).train()
                if what == "start":
                    steps, rate = arguments
                    turns = Turns(pipe, steps, lambda model=model: judge(course, model))
                    turns(0)
                    config = replace(course.recipe, steps=steps, learning_rate=rate, log_every=1)
                    fit(model, laid_out(course.setting, LEARNERS[name], steps), config, turns)
                else:
                    ends = []
                    config = replace(course.recipe, steps=12, log_every=1)
                    lap = lambda step, ends=ends: ends.append(time.perf_counter())  # noqa: E731
                    fit(model, laid_out(course.setting, LEARNERS[name], 12), config, lap)
                    pipe.send((True, float(np.diff(ends).mean())))
            except Exception as error:  # whatever it is, the parent tells it
                pipe.send((False, f"{type(error).__name__}: {error}"))


class Turns:
    """Called after each step. When the seconds of a turn are used up it judges, reports a point, and waits for more."""

    def __init__(self, pipe, steps: int, judge: Callable[[], dict[str, float]]):
        self.pipe, self.steps, self.judge = pipe, steps, judge
        self.used = self.left = 0.0
        self.since = time.perf_counter()

    def __call__(self, step: int) -> None:
        spent = time.perf_counter() - self.since if step else 0.0
        self.used, self.left = self.used + spent, self.left - spent
        ended = step == self.steps
        if ended or self.left <= 0:
            self.pipe.send((True, {"step": step, "seconds": self.used, "ended": ended} | self.judge()))
            if not ended:
                self.left = self.pipe.recv()[1][0]
        self.since = time.perf_counter()


def judge(course: Course, model: torch.nn.Module) -> dict[str, float]:
    """Loss and accuracy on the held-out rows. The Trainer's weights are put into our model, so that one code judges."""
    if not isinstance(model, Pretraining):
        ours = weights.load(course.setting.folder, Pretraining)
        ours.load_state_dict(weights.to_ours(model.state_dict()))
        model = ours
    found = evaluate(model, course.held_out, pretrain.scores)
    return {name: found[name] for name in ("mlm_loss", "mlm_accuracy")}


def laid_out(setting: Setting, sampler: str, steps: int) -> Batches:
    """So many batches in the sampler's order, epoch after epoch."""
    epochs = math.ceil(steps / (len(setting.rows) // setting.batch_size))
    chosen = np.concatenate([order(setting, sampler, epoch) for epoch in range(epochs)])[:steps]
    rows = torch.utils.data.Subset(setting.rows, chosen.ravel().tolist())
    return Batches(rows, setting.collate, setting.batch_size, shuffle=False)


def curves_table(results: dict) -> str:
    """The curves as lines of text: loss after each quarter of the minutes, between the points in a straight line.

    The last column says after how many seconds bertlab's loss was as low as the learner's last one.
    """
    plan, facts, minutes = results["plan"], results["machine"], results["minutes"]
    load = "" if facts["load"] is None else f", load {facts['load']:.1f} before it began"
    tried = ", ".join(f"{one['learning_rate']:g} {one['mlm_loss']:.3f}" for one in results["tried"])
    quarters = 60 * minutes * np.array([0.25, 0.5, 0.75])
    lines = [
        f"{facts['processor']}, {facts['threads']} thread(s){load}; torch {facts['torch']}, "
        f"transformers {facts['transformers']}; float32 on the CPU",
        f"{plan['preset']}, vocabulary {plan['vocab_size']:,}, {plan['length']} tokens a row at most, "
        f"{plan['batch_size']} rows a step, {minutes:g} minutes of training each",
        f"tuned: best of the rates {tried} (loss after {results['tried_minutes']:g} minutes each)",
        "",
        f"{'held-out MLM loss':<22}{'steps':>7}{'rate':>9}"
        + "".join(f"{f'{second:.0f} s':>9}" for second in quarters)
        + f"{'the end':>9}{'right':>8}{'bertlab there':>15}",
    ]
    ours = results["learners"][0]["points"]
    for learner in results["learners"]:
        points = learner["points"]
        losses = np.interp(quarters, [p["seconds"] for p in points], [p["mlm_loss"] for p in points])
        last = points[-1]
        there = "" if learner["name"] == OURS else reached(ours, last["mlm_loss"])
        lines.append(
            f"{learner['name']:<22}{learner['steps']:>7,}{learner['learning_rate']:>9g}"
            + "".join(f"{loss:>9.3f}" for loss in [*losses, last["mlm_loss"]])
            + f"{100 * last['mlm_accuracy']:>7.1f}%{there:>15}"
        )
    return "\n".join([*lines, *(f"{name:<22}{'':>43}{loss:>9.3f}" for name, loss in results["baselines"].items())])


def reached(points: Sequence[dict], loss: float) -> str:
    """After how many seconds the loss was this low, by a straight line between the points around it."""
    if points[0]["mlm_loss"] <= loss:
        return "0 s"
    for before, after in pairwise(points):
        if after["mlm_loss"] <= loss:
            share = (before["mlm_loss"] - loss) / (before["mlm_loss"] - after["mlm_loss"])
            return f"{before['seconds'] + share * (after['seconds'] - before['seconds']):.0f} s"
    return "never"


def curves_picture(results: dict):
    """The curves against seconds and against steps: a matplotlib figure."""
    from matplotlib.figure import Figure

    from . import plots

    figure = Figure((9.0, 3.8), layout="constrained")
    for x, ax in zip(("seconds", "step"), figure.subplots(1, 2, sharey=True), strict=True):
        lines = {
            learner["name"]: ([p[x] for p in learner["points"]], [p["mlm_loss"] for p in learner["points"]])
            for learner in results["learners"]
        }
        title = f"{results['plan']['preset']}, {results['minutes']:g} minutes each" if x == "seconds" else ""
        plots.curves(lines, baselines=results["baselines"], x=x, y="held-out MLM loss, nats", title=title, ax=ax)
    ax.get_legend().remove()
    ax.set_ylabel("")
    return figure
