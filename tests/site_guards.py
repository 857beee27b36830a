"""What a built page must be like. A guard takes the page's file and returns its problems."""

import re
from collections import Counter
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

MIN_ALT = 20
# Tags that make a browser fetch something, and the attribute that says what.
LOADING = {
    ("script", "src"),
    ("img", "src"),
    ("iframe", "src"),
    ("link", "href"),
    ("source", "src"),
    ("video", "src"),
    ("audio", "src"),
    ("embed", "src"),
    ("object", "data"),
}
ELSEWHERE = r"(?:https?:)?//"


class Page(HTMLParser):
    """The tags of a page, the names that links can point to, and its visible text."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self._hidden = False  # inside a script or a style
        self.feed(path.read_text(encoding="utf-8"))
        self.ids = {a[key] for _, a in self.tags for key in ("id", "name") if key in a}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        self._hidden = tag in {"script", "style"}

    def handle_endtag(self, tag: str) -> None:
        self._hidden = False

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.text += data


read = cache(Page)


def _target(path: Path, link: str) -> Path | None:
    """The file that a link within the site means; None for a link to elsewhere or to nothing."""
    parts = urlsplit(link)
    if parts.scheme or parts.netloc or link in {"", "#"}:
        return None
    return (path.parent / unquote(parts.path)).resolve() if parts.path else path.resolve()


def loads_nothing_from_elsewhere(path: Path) -> list[str]:
    """Scripts, styles, fonts, and pictures come with the site."""
    wrong = [
        f"<{tag}> loads {value}"
        for tag, attributes in read(path).tags
        for name, value in attributes.items()
        if (tag, name) in LOADING
        and attributes.get("rel") != "canonical"
        and re.match(ELSEWHERE, value)
    ]
    # Scripts can also be imported, and styles can name fonts.
    text = path.read_text(encoding="utf-8")
    imported = rf"(?:@import\s+|url\(|import\(|from\s+)[\"'](?P<url>{ELSEWHERE}[^\"')]+)"
    inline = re.findall(r"(?s)<(?:script|style)\b[^>]*>(.*?)</", text)
    return wrong + [
        f"an inline script or style loads {found['url']}"
        for part in inline
        for found in re.finditer(imported, part)
    ]


def links_lead_somewhere(path: Path) -> list[str]:
    """Every link within the site names a file that exists, and a place in it that exists."""
    wrong = []
    for tag, attributes in read(path).tags:
        link = attributes.get("href" if tag in {"a", "link"} else "src", "")
        target = _target(path, link)
        if target is None:
            continue
        place = unquote(urlsplit(link).fragment)
        if not target.is_file():
            wrong.append(f"<{tag}> points to {link}, and there is no such file")
        elif place and target.suffix == ".html" and place not in read(target).ids:
            wrong.append(f"<{tag}> points to {link}, and that page has no such place")
    return wrong


def pictures_are_described(path: Path) -> list[str]:
    """Every picture has alt text that says what it shows."""
    wrong = []
    for tag, attributes in read(path).tags:
        alt, source = attributes.get("alt", ""), attributes.get("src", "")
        # The title stands beside the logo; the theme's icons have a button's text beside them.
        theme = "logo__image" in attributes.get("class", "") or "_static/images/logo_" in source
        if tag != "img" or theme:
            continue
        if len(alt) < MIN_ALT or alt == source or re.fullmatch(r"\S+\.\w{3,4}", alt):
            wrong.append(f"{source} has the alt text {alt!r}")
    return wrong


def ids_are_unique(path: Path) -> list[str]:
    """No name stands twice on a page, so that each link to a heading has one target."""
    counts = Counter(attributes["id"] for _, attributes in read(path).tags if "id" in attributes)
    del counts["exercise-content"]  # sphinx-exercise gives this one to every exercise
    return [f"the id {name!r} stands {n} times" for name, n in counts.items() if n > 1]


def names_no_machine(path: Path) -> list[str]:
    """No path of one machine stands in what a reader sees."""
    pattern = r"(?<![\w.:/])(?:/(?:home|root|Users|tmp|work|opt|mnt)/|[A-Z]:\\)[\w.-]+"
    return [f"{found!r} is a path of one machine" for found in re.findall(pattern, read(path).text)]


def count_formulas(path: Path) -> int:
    """How many formulas a page has."""
    return sum("math" in attributes.get("class", "").split() for _, attributes in read(path).tags)


def formulas_have_their_script(path: Path) -> list[str]:
    """A page with formulas loads MathJax, from a file of the site."""
    page = read(path)
    if not any("math" in attributes.get("class", "").split() for _, attributes in page.tags):
        return []
    scripts = [
        a["src"] for tag, a in page.tags if tag == "script" and "mathjax" in a.get("src", "")
    ]
    if not scripts:
        return ["there are formulas, but no script that sets them"]
    targets = {script: _target(path, script) for script in scripts}
    return [
        f"formulas are set by {script}, which is no file of the site"
        for script, target in targets.items()
        if target is None or not target.is_file()
    ]


GUARDS = [
    loads_nothing_from_elsewhere,
    links_lead_somewhere,
    pictures_are_described,
    ids_are_unique,
    names_no_machine,
    formulas_have_their_script,
]


def formulas_are_set(dom: Path) -> list[str]:
    """MathJax set every formula, and understood all of each.

    Args:
        dom: what a browser made of the page, as HTML.
    """
    tags = read(dom).tags
    formulas = count_formulas(dom)
    names = Counter(tag for tag, _ in tags)
    wrong = []
    if names["mjx-container"] < formulas:
        wrong.append(f"{names['mjx-container']} of {formulas} formulas are set")
    if names["mjx-merror"]:
        wrong.append(f"{names['mjx-merror']} formulas are in error")
    # An unknown macro is set in red.
    red = sum(tag.startswith("mjx-") and "color: red" in a.get("style", "") for tag, a in tags)
    return wrong + [f"{red} macros are unknown"] * (red > 0)


def opens_elsewhere(path: Path, notebook: str, slug: str) -> list[str]:
    """A chapter has links to itself in Colab and in Binder, and to its notebook.

    Args:
        path: the built page.
        notebook: from the root of the repository, such as ``book/03-learning-from-little.ipynb``.
        slug: owner and name of the repository.
    """
    links = [unquote(a.get("href", "")) for tag, a in read(path).tags if tag == "a"]
    place = re.escape(notebook)
    wanted = {
        "Colab": rf"https://colab\.research\.google\.com/github/{slug}/blob/main/{place}",
        "Binder": rf"https://mybinder\.org/v2/gh/{slug}/main\?urlpath=(lab/)?tree/{place}",
        "download": rf"(\.\./)*_sources/{place}",
    }
    return [
        f"no {name} link to {notebook}"
        for name, pattern in wanted.items()
        if not any(re.fullmatch(pattern, link) for link in links)
    ]
