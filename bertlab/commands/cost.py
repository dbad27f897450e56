"""The command `cost`: what a pre-training takes in operations, time, memory, energy and money, by formula."""

import argparse


def add_cost_options(parser: argparse.ArgumentParser) -> None:
    from ..model import PRESETS

    parser.add_argument("--preset", default="base", metavar="SIZE", help=f"{', '.join(PRESETS)} (default: base)")
    parser.add_argument("--model", default="", metavar="MODEL", help="the sizes of a trained model instead: minilm, "
                        "bertlab-mini, a folder, or a name on the hub")  # fmt: skip
    parser.add_argument("--vocab-size", type=int, default=30522, metavar="N", help="of a preset (default: 30522)")
    parser.add_argument("--tokens", type=float, default=3.3e9, metavar="N", help="tokens to train on, each as often as "
                        "it is read (default: 3.3e9, about one pass over what BERT read)")  # fmt: skip
    parser.add_argument("--length", type=int, default=128, metavar="N", help="tokens a row (default: 128)")
    parser.add_argument("--masked", type=float, default=0.15, metavar="N",
                        help="share of the tokens to predict (default: 0.15)")  # fmt: skip
    parser.add_argument("--batch-size", type=int, default=32, metavar="N",
                        help="rows that a chip holds at a time, for the memory (default: 32)")  # fmt: skip
    parser.add_argument("--every", action="store_true", help="score every token, not only the masked ones: what "
                        "transformers does")  # fmt: skip
    parser.add_argument("--device", nargs="+", default=[], metavar="NAME",
                        help="t4, v100, a100, h100, tpu-v2 or tpu-v3 (default: all); here: this machine, whose fastest "
                        "product is measured")  # fmt: skip
    parser.add_argument("--chips", type=int, default=1, metavar="N", help="of the device (default: 1)")
    parser.add_argument("--utilisation", type=float, default=0.3, metavar="N", help="share of the peak that the "
                        "training reaches: 0.2 to 0.5 is usual (default: 0.3)")  # fmt: skip
    parser.add_argument("--price", type=float, metavar="N", help="dollars for an hour of one chip: your provider's")


def run_cost(options: argparse.Namespace) -> None:
    from ..arguments import check_number
    from ..budget import DEVICES, count_parameters, count_training_flops, count_training_memory, find_device

    check_number(options.tokens, "--tokens", above=0)
    length = check_number(options.length, "--length", least=2)
    masked = check_number(options.masked, "--masked", above=0, most=1)
    rows = check_number(options.batch_size, "--batch-size", least=1)
    config = read_sizes(options)
    predicted = max(1, round(masked * length))
    flops = count_training_flops(config, length, predicted, every=options.every)
    print(f"{count_parameters(config):,} parameters with both heads; a token of a row of {length} takes "
          f"{flops.total / length / 1e6:,.1f} million operations:")  # fmt: skip
    for name, part in zip(("layers", "attention", "masked words", "next sentence"), flops, strict=True):
        print(f"  {name:14}{100 * part / flops.total:5.1f}%")
    total = flops.total / length * options.tokens
    print(f"{options.tokens:,.0f} tokens: {total:.3g} operations")
    for name in options.device or DEVICES:
        device = measure_this_machine() if name == "here" else find_device(name)
        print(describe_device(name, device, total, options))
    memory = count_training_memory(config, rows, length, predicted)
    print(f"memory for {rows} rows in float32: {memory.total / 1e9:,.2f} GB, of which weights, gradients and AdamW's "
          f"moments are {(memory.total - memory.activations) / 1e9:,.2f}")  # fmt: skip


def read_sizes(options: argparse.Namespace):
    """The config of the preset or of the model."""
    from ..model import BertConfig
    from ..model_files import read_config
    from ..weights import find_model_folder

    if options.model:
        return read_config(find_model_folder(options.model) / "config.json")[0]
    positions = max(options.length, 512)
    return BertConfig.preset(options.preset, vocab_size=options.vocab_size, max_position_embeddings=positions)


def measure_this_machine():
    """This machine as a device: its fastest product in float32 and in bfloat16 is measured, the better one counts."""
    import torch

    from ..bench.machine import measure_gemm_peak
    from ..budget import Device
    from ..memory import get_machine_memory

    threads = torch.get_num_threads()
    peaks = {name: measure_gemm_peak(threads, half=name == "bf16") for name in ("float32", "bf16")}
    precision = max(peaks, key=peaks.get)
    return Device(peaks[precision], precision, get_machine_memory() or float("nan"), float("nan"), "measured")


def describe_device(name: str, device, flops: float, options: argparse.Namespace) -> str:
    """A line: the time on so many of these chips, and the energy and the price where they are known."""
    from ..budget import estimate_cost, format_seconds

    cost = estimate_cost(flops, device, options.chips, options.utilisation, options.price)
    parts = [f"{options.chips} x {name}", f"{100 * options.utilisation:.0f}% of {device.peak / 1e12:,.3g} Tflop/s "
             f"({device.precision})", format_seconds(cost.seconds)]  # fmt: skip
    if cost.kilowatt_hours == cost.kilowatt_hours:  # known
        parts.append(f"{cost.kilowatt_hours:,.3g} kWh")
    if cost.dollars is not None:
        parts.append(f"${cost.dollars:,.2f}")
    return "  " + ", ".join(parts)
