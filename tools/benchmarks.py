#!/usr/bin/env python3
"""Makes the measured sections of docs/benchmarks.md anew, each with the command that stands in it.

    tools/benchmarks.py --list              # the sections: what they need, when they were measured, their commands
    tools/benchmarks.py kernels scheduler   # measures these and puts what they print in place
    tools/benchmarks.py --check             # every table has a command, whose programs and options exist

A section of the page:

    <!-- begin NAME: COMMAND
    needs: gpu, .venv-pandas, transformers
    by hand: why -->
    what it printed: its Markdown tables, or all of it where it prints none
    <!-- end NAME -->

COMMAND is a line of bash, run in the root of the checkout after tools/environment.sh, and may go on over several lines.
`needs` names what not every machine has: a GPU, a virtual environment that one of the scripts made, a program, a file, a
Python package. Such a section is left alone where that is missing. What is `by hand` is made of what COMMAND prints, but not
by this script. The last line of a section tells command, date and machine, with the load before the measurement: above
0.5 others wanted the cores too.
"""

import argparse
import datetime
import functools
import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BEGIN = re.compile(r"<!-- begin ([\w-]+): (.*?)-->\n", re.DOTALL)
ATTRIBUTES = ("needs", "by hand")
STARTERS = {"mpirun": {"-n": 1}, "time": {}, "perf": {"record": 0}}  # What starts another program, and its words.


class PageError(Exception):
    pass


@dataclass
class Section:
    name: str
    command: str
    needs: list[str]
    by_hand: str
    begin: int  # Of what it printed: offsets in the page.
    end: int
    line: int


def sections_of(page: str) -> list[Section]:
    sections = []
    for match in BEGIN.finditer(page):
        name, line = match[1], page.count("\n", 0, match.start()) + 1
        words, attributes = [], dict.fromkeys(ATTRIBUTES, "")
        for text in match[2].strip().splitlines():
            key, colon, value = text.partition(": ")
            if colon and key in ATTRIBUTES:
                attributes[key] = value
            elif any(attributes.values()):
                raise PageError(f"line {line}: section {name}: '{text}' is none of: {', '.join(ATTRIBUTES)}")
            else:
                words.append(text)
        end = page.find(f"<!-- end {name} -->", match.end())
        if end < 0 or "<!-- begin " in page[match.end():end]:
            raise PageError(f"line {line}: section {name} has no <!-- end {name} --> before the next one")
        if name in (section.name for section in sections):
            raise PageError(f"line {line}: there are two sections {name}")
        needs = [need.strip() for need in attributes["needs"].split(",") if need]
        sections.append(Section(name, " ".join(words), needs, attributes["by hand"], match.end(), end, line))
    return sections


# ---- what a command needs ----


def is_here(need: str) -> bool:
    if need == "gpu":
        return subprocess.run(["bash", "-c", "nvidia-smi -L"], capture_output=True).returncode == 0
    if need.startswith(".venv-"):
        return any((ROOT / need).glob("*-ready"))
    if shutil.which(need) or (ROOT / need).exists():
        return True
    asked = f"import importlib.util, sys; sys.exit(importlib.util.find_spec('{need}') is None)"
    return need.isidentifier() and subprocess.run(["python3", "-c", asked]).returncode == 0


def programs_of(command: str) -> list[tuple[list[str], list[str]]]:
    """[(program with its subcommand, its --options)] of a line of bash."""
    lexer = shlex.shlex(command, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    parts, found = [[]], []
    for word in lexer:
        parts.append([]) if set(word) <= set("|&;()<>") else parts[-1].append(word)
    for words in filter(None, parts):
        while words and (re.match(r"\w+=", words[0]) or words[0] in STARTERS):
            taken = STARTERS.get(words.pop(0), {})
            while words and words[0] in taken:
                del words[:1 + taken[words[0]]]
        if not words or "/" not in words[0]:
            continue  # One of the system's.
        subcommand = [word for word in words[1:2] if re.fullmatch(r"[a-z]+", word) and not word.endswith("yaml")]
        options = [word.partition("=")[0] for word in words if word.startswith("--")]
        found.append(([words[0], *subcommand], options))
    return found


@functools.cache
def help_of(program: str, *subcommand: str) -> subprocess.CompletedProcess:
    return subprocess.run([ROOT / program, *subcommand, "--help"], capture_output=True, text=True, cwd=ROOT)


def faults_of(section: Section) -> list[str]:
    """What is wrong with its command: programs that are not there, options that their --help does not name."""
    faults = []
    for program, options in programs_of(section.command):
        if not os.access(ROOT / program[0], os.X_OK):
            faults.append(f"{program[0]} is not there, or no program" +
                          (": build it" if program[0].startswith("build/") else ""))
        elif options:
            told = help_of(*program)
            if told.returncode and not all(map(is_here, section.needs)):
                continue  # Without its packages it has no help.
            known = set(re.findall(r"--[\w-]+", told.stdout))
            faults += [f"{' '.join(program)} has no option {option}" for option in options if option not in known]
    return faults


# ---- what it printed ----


def machine(needs: list[str], load: float) -> str:
    cores = len(os.sched_getaffinity(0))
    names = re.findall(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    text = f"{cores} core{'s' * (cores > 1)} of {names[0] if names else os.uname().machine}, load {load:.1f}"
    if "gpu" in needs:
        told = subprocess.run(["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"], capture_output=True, text=True)
        text = f"{', '.join(told.stdout.split(chr(10))).strip(', ')}; {text}"
    return text


def shown(output: str) -> str:
    """Its tables; all of it as code where there is none."""
    lines = output.strip().splitlines()
    tables = ["" if not line.startswith("|") else line for line in lines]
    if any(tables):
        return re.sub(r"\n{3,}", "\n\n", "\n".join(tables)).strip()
    return "```text\n" + "\n".join(line.rstrip() for line in lines) + "\n```"


def measured(section: Section) -> str:
    load = os.getloadavg()[0]
    shell = ["bash", "-c", f"set -euo pipefail\nsource tools/environment.sh\n{section.command}"]
    done = subprocess.run(shell, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise PageError(f"{section.name}: `{section.command}` ended with {done.returncode}; the section stays as it was")
    if not done.stdout.strip():
        raise PageError(f"{section.name}: `{section.command}` printed nothing; the section stays as it was")
    date = datetime.date.today().isoformat()
    return f"{shown(done.stdout)}\n\n`{section.command}`, {date}: {machine(section.needs, load)}.\n"


# ---- the commands of this script ----


def remake(page: Path, names: list[str]) -> None:
    for name in names:
        text = page.read_text()
        found = {section.name: section for section in sections_of(text)}
        if name not in found:
            raise PageError(f"there is no section '{name}'; there are: {', '.join(found)}")
        section = found[name]
        missing = [need for need in section.needs if not is_here(need)]
        if section.by_hand:
            raise PageError(f"{name} is put together by hand ({section.by_hand}) from: {section.command}")
        if missing:
            raise PageError(f"{name} needs what is not here: {', '.join(missing)}; the section stays as it was")
        print(f"{name}: {section.command}", file=sys.stderr, flush=True)
        made = measured(section)
        whole = page.with_suffix(".new")
        whole.write_text(text[:section.begin] + made + text[section.end:])
        whole.replace(page)
        print(made)


def print_list(page: Path) -> None:
    text = page.read_text()
    for section in sections_of(text):
        missing = [need for need in section.needs if not is_here(need)]
        date = re.findall(r"\d{4}-\d\d-\d\d", text[section.begin:section.end])
        state = "by hand" if section.by_hand else f"needs {', '.join(missing)}" if missing else ""
        print(f"{section.name:24} {date[-1] if date else 'undated':12} {state:24} {section.command}")


def check(page: Path) -> list[str]:
    text = page.read_text()
    sections = sections_of(text)
    faults = []
    for section in sections:
        where, printed = f"{page.name}:{section.line}: section {section.name}", text[section.begin:section.end]
        faults += [f"{where}: {fault}" for fault in faults_of(section)]
        if f"`{section.command}`, " not in " ".join(printed.split()):
            faults.append(f"{where}: its last line does not tell the command `{section.command}`")
    begins = [match.start() for match in re.finditer(r"^\|[ :|-]+\|$", text, re.MULTILINE)]
    for at in begins:
        if not any(section.begin <= at < section.end for section in sections):
            faults.append(f"{page.name}:{text.count(chr(10), 0, at) + 1}: a table outside of every section: no command makes it")
    return faults


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="sections to measure anew")
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "benchmarks.md")
    parser.add_argument("--list", action="store_true", help="what sections there are")
    parser.add_argument("--check", action="store_true", help="whether commands and tables belong together; measures nothing")
    arguments = parser.parse_args()
    if bool(arguments.names) + arguments.list + arguments.check != 1:
        parser.error("give names of sections, or --list, or --check")
    os.environ["PATH"] = f"{ROOT / '.venv' / 'bin'}:{os.environ['PATH']}"  # As tools/environment.sh.
    try:
        if arguments.names:
            remake(arguments.page, arguments.names)
        elif arguments.list:
            print_list(arguments.page)
        else:
            faults = check(arguments.page)
            print("\n".join(faults), end="\n" * bool(faults), file=sys.stderr)
            return 1 if faults else 0
    except (PageError, OSError) as error:
        print(f"benchmarks.py: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
