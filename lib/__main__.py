"""The command line: ``python -m lib weight``, ``schedule``, ``plan``, ``verify``, ``reproduce``."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from tqdm import tqdm

from lib import _validate
from lib.advice import KINDS, advice, enough_rows
from lib.claims import claim, claims
from lib.data import DataUnavailable
from lib.planner import plan
from lib.reproduce import rerun
from lib.schedule import schedule
from lib.verify import ALPHA, Receipt, false_alarms, record, verify
from lib.workers import ClusterError

CONFIRMED, REFUTED, BAD_USE, INCONCLUSIVE = 0, 1, 2, 3
INTERRUPTED, UNREAD = 130, 141  # as a shell says it of a stop and of a closed pipe
_STATUS = {"refuted": REFUTED, "inconclusive": INCONCLUSIVE, "confirmed": CONFIRMED}
"""Of a set of checks it is that of its worst verdict, which comes first."""


class _Parser(argparse.ArgumentParser):
    """A parser that answers bad use in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(BAD_USE, f"{self.prog}: {message}\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m lib", description="Golden-ratio weighting, by command.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    weight = commands.add_parser("weight", help="which weight for so many real and synthetic rows?")
    weight.add_argument("--real", metavar="N", help="fresh real rows a generation")
    weight.add_argument("--synthetic", metavar="M", help="synthetic rows of it")
    weight.add_argument("--ratio", metavar="K", help="n/m, if only that is known")
    weight.add_argument(
        "--rho",
        metavar="R",
        default="1",
        help="times the model's variance that real rows have (default 1: the model is right)",
    )
    weight.add_argument(
        "--drift",
        metavar="Q",
        default="0",
        help="variance of the truth's step in a generation, real rows alone = 1 (default 0)",
    )
    weight.add_argument("--of", metavar="KIND", default="mean", help=f"{', '.join(KINDS)}")
    weight.add_argument("--json", action="store_true", help="all numbers, as JSON")
    weight.set_defaults(run=_weight)

    months = commands.add_parser(
        "schedule", help="which weight at each generation, if the numbers of rows change?"
    )
    months.add_argument(
        "--real", metavar="N", nargs="+", required=True, help="real rows at t = 0, 1, ..."
    )
    months.add_argument(
        "--synthetic",
        metavar="M",
        nargs="+",
        required=True,
        help="synthetic rows at t = 1, 2, ..., or one number for all",
    )
    months.add_argument("--json", action="store_true", help="all numbers, as JSON")
    months.set_defaults(run=_schedule)

    buy = commands.add_parser("plan", help="how many rows of each kind to buy for a budget?")
    buy.add_argument("--budget", metavar="B", required=True, help="money for a generation")
    buy.add_argument("--real-cost", metavar="A", default="1", help="of a real row (default 1)")
    buy.add_argument("--synthetic-cost", metavar="C", required=True, help="of a synthetic row")
    buy.add_argument("--most-synthetic", metavar="M", help="more than this cannot be had")
    buy.add_argument("--json", action="store_true", help="all numbers, as JSON")
    buy.set_defaults(run=_plan)

    check = commands.add_parser(
        "verify",
        help="re-execute the book's claims",
        description="Simulate claims again and compare. Exit status: 0 all confirmed, 1 any "
        "refuted, 2 bad use, 3 any inconclusive.",
    )
    check.add_argument("--claim", metavar="ID", nargs="+", action="extend", help="default: all")
    check.add_argument("--seed", metavar="S", default="1", help="a seed of your own (default 1)")
    check.add_argument("--reps", metavar="R", help="replicates (default: each claim's own)")
    check.add_argument("--jobs", metavar="J", default="1", help="processes; -1 for all cores")
    check.add_argument("--json", metavar="FILE", help="write the receipts to FILE")
    check.add_argument("--list", action="store_true", help="list the claims and stop")
    check.set_defaults(run=_verify)

    again = commands.add_parser(
        "reproduce",
        help="run the paper's Figures 7 to 10 again, at its own settings",
        description="Simulate the paper's figures, with theory beside every point. Finished chunks "
        "are kept: a run that was stopped goes on from there, and gives the same bits.",
    )
    again.add_argument(
        "figure", metavar="FIGURE", nargs="*", help="such as 8, or a panel, 8d; default: all"
    )
    again.add_argument("--seed", metavar="S", default="1", help="a seed of your own (default 1)")
    again.add_argument("--reps", metavar="R", help="replicates (default: the paper's own)")
    again.add_argument("--jobs", metavar="J", default="1", help="processes; -1 for all cores")
    again.add_argument("--dask", metavar="ADDRESS", help="scheduler of a running Dask cluster")
    again.add_argument(
        "--out", metavar="FOLDER", default="reproduced", help="of tables, charts and chunks"
    )
    again.set_defaults(run=_reproduce)
    return parser


def _integer(name: str, text: str, least: int = 1) -> int:
    """Read an integer as `_validate` does, so that 1e6 is a million here too."""
    try:
        value: Any = int(text)
    except ValueError:
        try:
            value = float(text)
        except ValueError:
            value = text
    return _validate.integer(name, value, least)


def _number(name: str, text: str, check: Callable[[str, Any], Any] = _validate.positive) -> float:
    try:
        value: Any = float(text)
    except ValueError:
        value = text
    return _validate.single(name, value, check)


def _weight(arguments: argparse.Namespace) -> int:
    if arguments.of not in KINDS:
        raise _validate.fail("--of", f"one of {', '.join(KINDS)}", arguments.of)
    counts = {"--real": arguments.real, "--synthetic": arguments.synthetic}
    given = [name for name, text in counts.items() if text is not None]
    rho = _number("--rho", arguments.rho)
    drift = _number("--drift", arguments.drift, _validate.nonnegative)
    if drift and arguments.of != "mean":
        allowed = f"0 with `--of {arguments.of}`: only a mean may move"
        raise _validate.fail("--drift", allowed, arguments.drift)
    if arguments.ratio is not None:
        if given:
            raise ValueError(f"`--ratio` stands alone: leave out {' and '.join(given)}")
        if arguments.of != "mean":
            raise ValueError(f"`--of {arguments.of}` needs --real and --synthetic, not --ratio")
        found = advice(k=_number("--ratio", arguments.ratio), rho=rho, drift=drift)
    elif len(given) < len(counts):
        raise ValueError("give both --real and --synthetic, or --ratio alone")
    else:
        n, m = (_integer(name, text) for name, text in counts.items())
        for name, rows in zip(counts, (n, m), strict=True):
            enough_rows(name, rows, arguments.of)
        found = advice(n, m, rho=rho, drift=drift, of=arguments.of)
    print(json.dumps(found.to_dict(), indent=1) if arguments.json else found.report())
    return CONFIRMED


def _schedule(arguments: argparse.Namespace) -> int:
    real = [_integer("--real", text, least=0) for text in arguments.real]
    drawn = [_integer("--synthetic", text, least=0) for text in arguments.synthetic]
    if len(real) < 2:
        raise _validate.fail("--real", "the rows of at least two generations", arguments.real)
    if len(drawn) not in (1, len(real) - 1):
        allowed = f"one number or {len(real) - 1}, as `--real` says"
        raise _validate.fail("--synthetic", allowed, arguments.synthetic)
    found = schedule(real, drawn[0] if len(drawn) == 1 else drawn)
    print(json.dumps(found.to_dict(), indent=1) if arguments.json else found.report())
    return CONFIRMED


def _plan(arguments: argparse.Namespace) -> int:
    most = arguments.most_synthetic
    found = plan(
        _number("--budget", arguments.budget),
        real_cost=_number("--real-cost", arguments.real_cost),
        synthetic_cost=_number("--synthetic-cost", arguments.synthetic_cost, _validate.nonnegative),
        most_synthetic=None if most is None else _integer("--most-synthetic", most, least=0),
    )
    print(json.dumps(found.to_dict(), indent=1) if arguments.json else found.report())
    return CONFIRMED


def _verify(arguments: argparse.Namespace) -> int:
    if arguments.list:
        for one in claims().values():
            print(f"{one.id:<30} {one.status:<10} {one.statement}")
        return CONFIRMED
    chosen = [claim(id) for id in arguments.claim or claims()]
    seed = _integer("--seed", arguments.seed, least=0)
    reps = None if arguments.reps is None else _integer("--reps", arguments.reps, least=2)
    jobs = -1 if arguments.jobs == "-1" else _integer("--jobs", arguments.jobs)
    file = None if arguments.json is None else _target(arguments.json)

    receipts: list[Receipt] = []
    with tqdm(chosen, unit="claim", disable=not sys.stderr.isatty()) as bar:
        for one in bar:
            receipts.append(verify(one, seed=seed, reps=reps, n_jobs=jobs))
            bar.write(_line(receipts[-1]), file=sys.stdout)
            sys.stdout.flush()
            if file:  # after each, so that a stop loses nothing that is finished
                _write(file, json.dumps([record(r) for r in receipts], indent=1) + "\n")
    bound = f"{ALPHA:g} a claim, at most {false_alarms(len(receipts)):.2g} for the set"
    print(f"false-alarm rate: {bound}")
    print(_verdict(receipts))
    found = {receipt.verdict for receipt in receipts}
    return next(status for verdict, status in _STATUS.items() if verdict in found)


def _verdict(receipts: Sequence[Receipt]) -> str:
    """Sum up a set of checks: its worst verdict, and which claims are not confirmed."""
    ids = {
        verdict: [receipt.claim for receipt in receipts if receipt.verdict == verdict]
        for verdict in _STATUS
    }
    worst = next(verdict for verdict in ids if ids[verdict])
    counts = [f"{len(ids.pop('confirmed'))} of {len(receipts)} confirmed"]
    counts += [f"{len(some)} {verdict}: {', '.join(some)}" for verdict, some in ids.items() if some]
    return f"verdict: {worst} ({'; '.join(counts)})"


def _line(receipt: Receipt) -> str:
    return (
        f"{receipt.verdict:<12} {receipt.claim:<30} predicted {receipt.predicted:<9.5g}"
        f" estimate {receipt.estimate:.5g} ± {receipt.standard_error:.2g}"
        f"  z {receipt.z:+.2f}  detectable {receipt.detectable:.2%}"
    )


def _reproduce(arguments: argparse.Namespace) -> int:
    from lib.reproduce.figures import write_figures  # noqa: PLC0415 - charts are slow to import

    seed = _integer("--seed", arguments.seed, least=0)
    reps = None if arguments.reps is None else _integer("--reps", arguments.reps, least=2)
    jobs = -1 if arguments.jobs == "-1" else _integer("--jobs", arguments.jobs)
    folder = Path(arguments.out)
    if not arguments.out or (folder.exists() and not folder.is_dir()):
        raise _validate.fail("--out", "a folder", arguments.out)
    result = rerun(
        *arguments.figure,
        seed=seed,
        reps=reps,
        folder=folder / "chunks",
        n_jobs=jobs,
        dask=arguments.dask,
        finished=lambda name: tqdm.write(f"{name} finished", file=sys.stderr),
    )
    for line in write_figures(result, folder):
        print(line)
    return CONFIRMED


def _target(name: str) -> Path:
    """Return the file to write: one that does not exist yet, or a plain one to replace."""
    path = Path(name).resolve()  # a link keeps pointing to what is replaced
    if not name or not path.parent.is_dir() or (path.exists() and not path.is_file()):
        raise _validate.fail("--json", "a file in a folder that exists", name)
    return path


def _write(path: Path, text: str) -> None:
    """Write aside and rename, so that a kill leaves the old file or the new one."""
    aside = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        aside.write_text(text, encoding="utf-8")
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status.

    Parameters
    ----------
    arguments : sequence of str, optional
        Those of the process by default.

    Returns
    -------
    int
        0 done or all confirmed, 1 any claim refuted, 2 bad use, 3 any claim inconclusive, 130
        stopped from the keyboard, 141 nobody read the output to its end.
    """
    parsed = _parser().parse_args(arguments)
    try:
        status = int(parsed.run(parsed))
        sys.stdout.flush()  # here, so that a closed pipe is noticed here
        return status
    except KeyboardInterrupt:
        print("python -m lib: stopped", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # whoever read the output has seen enough; nothing is confirmed
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return UNREAD
    except (ValueError, OSError, DataUnavailable, ClusterError) as error:
        print(f"python -m lib: {'; '.join(str(error).splitlines())}", file=sys.stderr)
        return BAD_USE


if __name__ == "__main__":
    sys.exit(main())
