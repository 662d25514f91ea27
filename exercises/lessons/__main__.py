"""`make lessons`: write the generated parts of docs/learn: the drawings, and the rubric's table of rows.

Reads   the names in the code; exercises/rubric.toml
Writes  docs/learn/pictures/*.svg; docs/learn/en/rubric.md and docs/learn/es/rubric.md between their marks
Exits   0 written
"""

import re

from exercises.graders.rubric import rows
from exercises.lessons.pictures import ROOT, pictures
from exercises.lessons.words import LANGUAGES, Language

LEARN = ROOT / "docs" / "learn"
BETWEEN = re.compile(r"(<!-- rows: [^>]*-->\n).*?(<!-- end of rows -->)", re.S)


HEADS: dict[Language, str] = {
    "en": "| row | criterion | checks | points |",
    "es": "| fila | criterio | comprobaciones | puntos |",
}


def with_rows(page: str, language: Language) -> str:
    """The rubric's page with its table made from exercises/rubric.toml."""
    lines = [HEADS[language], "| --- | --- | --- | ---: |"]
    for one in rows():
        if one.checks:
            checks = ", ".join(f"`{name}`" for name in one.checks)
            asked = {"en": one.asked, "es": one.asked_es}[language]
            lines.append(f"| {one.id} | {asked} | {checks} | {one.most} |")
    table = "\n".join(lines)
    return BETWEEN.sub(lambda found: f"{found[1]}\n{table}\n\n{found[2]}", page)


def main() -> None:
    """Write the drawings and the tables."""
    folder = LEARN / "pictures"
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in pictures():
        (folder / name).write_text(content, encoding="utf-8")
    for language in LANGUAGES:
        page = LEARN / language / "rubric.md"
        page.write_text(with_rows(page.read_text(encoding="utf-8"), language), encoding="utf-8")
    print(f"lessons: {len(list(folder.glob('*.svg')))} drawings and the rubric's rows written.")


if __name__ == "__main__":
    main()
