"""Cut a chapter down to the cells that lead to some of its figures.

The cells are read backward from the check at the end, by the names they read, bind, and may
change. A name may be changed by more than an assignment, and what cannot be excluded counts: a
method call changes its object and everything that shares a part with it, an argument is changed
where a function does something to it. Hidden state is not seen, such as a seed of a whole library;
no code of this project leaves any behind.
"""

import ast
import builtins
import copy
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from IPython.core.inputtransformer2 import TransformerManager

# Calls of their functions leave the arguments as they are, but for a source of random numbers.
READERS = (
    *("builtins", "copy", "dataclasses", "textwrap", "time"),
    *("numpy", "pandas", "scipy", "sklearn", "matplotlib", "torch", "IPython"),
    *(f"embgan_edu.{r}" for r in ("base", "data", "measure", "text", "study", "publish")),
)
# How parameters are called that are sources of random numbers, and how these are made.
SOURCES = {"generator", "rng", "streams", "noise"}
MAKERS = {"default_rng", "manual_seed", "Generator", "DrawStreams"}
# What makes settings, beside the classes of them.
FROZEN = {"replace", "configure"}
# Methods that only look: of containers and strings, of arrays and tables, and of what has the
# interface of scikit-learn or of gensim.
_LOOKS = """
    items values keys get index count copy split join format startswith endswith removeprefix
    removesuffix rstrip lstrip strip lower any all sum mean std var min max argmin argmax argsort
    round astype reshape ravel flatten tolist item numpy norm clip repeat cumsum transpose cpu
    detach clone float double bool long square sqrt log exp abs sigmoid softmax gather to_numpy
    to_string to_dict loc query groupby unique rename drop dropna pivot pivot_table isin xs assign
    sort_values reset_index idxmax idxmin head predict score logits select standardize sample
    named_parameters parameters state_dict modules encode decode reconstruct log_likelihood
    perplexity write texts most_similar similarity
"""
LOOKS = set(_LOOKS.split())
# What these return has the parts of what they get.
_VIEWS = """
    items values keys get reshape ravel transpose numpy detach cpu zip enumerate reversed sorted
    list tuple dict set iter map filter next parameters
"""
VIEWS = set(_VIEWS.split())


@dataclass
class Unit:
    """A statement of a chapter, outside of functions.

    Attributes:
        cell: which code cell it is in, from 1.
        tree: its code.
        reads: names that it needs from before.
        binds: names that it assigns, perhaps.
        sets: names that it assigns in any case.
        changes: names whose object it may change.
    """

    cell: int
    tree: ast.stmt
    reads: set[str] = field(default_factory=set)
    binds: set[str] = field(default_factory=set)
    sets: set[str] = field(default_factory=set)
    changes: set[str] = field(default_factory=set)

    @property
    def source(self) -> str:
        """The code, without comments."""
        return ast.unparse(self.tree)


def read_cells(path: Path) -> list[ast.Module]:
    """Return the code cells of a notebook, parsed; lines for IPython become calls."""
    transform = TransformerManager().transform_cell
    cells = nbformat.read(path, as_version=4).cells
    return [ast.parse(transform(cell.source)) for cell in cells if cell.cell_type == "code"]


def slice_chapter(path: Path, figures: Collection[str]) -> list[Unit]:
    """Return what of a chapter measures these figures, in order.

    Args:
        path: the notebook; its last cell ends with ``figures.check``.
        figures: short names.
    """
    return slice_cells(read_cells(path), figures)


def slice_cells(cells: list[ast.Module], figures: Collection[str]) -> list[Unit]:
    """The same for cells that were read."""
    *before, last = cells
    units = [
        Unit(number, statement)
        for number, cell in enumerate([*before, _Prune(figures).visit(copy.deepcopy(last))], 1)
        for statement in cell.body
    ]
    _describe(units)
    *rest, check = units
    kept, needed = [check], set(check.reads)
    for unit in reversed(rest):
        if (unit.binds | unit.changes) & needed:
            kept.append(unit)
            needed = (needed - unit.sets) | unit.reads
    return kept[::-1]


class _Prune(ast.NodeTransformer):
    """Leave out what enters other figures into a dictionary."""

    def __init__(self, figures: Collection[str]) -> None:
        self.figures = figures

    def _other(self, key: ast.expr | None) -> bool:
        """Whether a key can be none of the figures."""
        if isinstance(key, ast.Constant):
            pattern = re.escape(str(key.value))
        elif isinstance(key, ast.JoinedStr):
            parts = [
                re.escape(p.value) if isinstance(p, ast.Constant) else ".*" for p in key.values
            ]
            pattern = "".join(parts)
        else:
            return False
        return not any(re.fullmatch(pattern, name) for name in self.figures)

    def visit_Dict(self, node: ast.Dict) -> ast.AST:
        entries = [
            (key, self.visit(value))
            for key, value in zip(node.keys, node.values, strict=True)
            if not self._other(key)
        ]
        return ast.Dict([key for key, _ in entries], [value for _, value in entries])

    def visit_DictComp(self, node: ast.DictComp) -> ast.AST:
        return ast.Dict([], []) if self._other(node.key) else node

    def visit_Assign(self, node: ast.Assign) -> ast.AST | None:
        (target, *_) = node.targets
        if isinstance(target, ast.Subscript) and self._other(target.slice):
            return None
        return self.generic_visit(node)

    def visit_For(self, node: ast.For) -> ast.AST | None:
        self.generic_visit(node)
        # What is left for no entry would be kept for nothing.
        left = {type(child) for statement in node.body for child in ast.walk(statement)}
        return node if left & {ast.Subscript, ast.AugAssign, ast.Call} else None


def _describe(units: list[Unit]) -> None:
    """Fill in what the units read, bind, and change."""
    notebook = _Notebook(units)
    size = -1
    while notebook.size() != size:  # what a function does may depend on one that comes later
        size = notebook.size()
        for unit in units:
            _Walk(notebook, unit).walk()


class _Notebook:
    """What is known of the names of all cells together. A name in a function is ``f:name``."""

    def __init__(self, units: list[Unit]) -> None:
        self.imports: dict[str, str] = {name: "builtins" for name in dir(builtins)}
        self.signatures: dict[str, ast.arguments] = {}
        self.classes: set[str] = set()
        self.changed: set[str] = set()  # names in functions, parameters among them
        self.effects: dict[str, set[str]] = {}  # names outside that a function changes
        self.lookups: dict[str, set[str]] = {}  # names outside that a function reads
        self.frozen: set[str] = set()  # names of numbers and settings, which nothing can change
        self.sources: set[str] = set()  # of random numbers
        self.callbacks: set[str] = set()  # functions that get functions
        self.same: dict[str, set[str]] = {}  # names that another cell made parts of one object
        for unit in units:
            for node in ast.walk(unit.tree):
                if isinstance(node, ast.Import):
                    for item in node.names:
                        name = item.asname or item.name.split(".")[0]
                        self.imports[name] = item.name if item.asname else name
                elif isinstance(node, ast.ImportFrom):
                    for item in node.names:
                        self.imports[item.asname or item.name] = f"{node.module}.{item.name}"
                elif isinstance(node, ast.ClassDef):
                    self.classes.add(node.name)
                elif isinstance(node, ast.FunctionDef):
                    self.signatures[node.name] = node.args
        values: dict[str, list[ast.expr]] = {}
        for unit in units:
            for node in ast.walk(unit.tree):
                if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                    values.setdefault(node.targets[0].id, []).append(node.value)
        self.frozen = {name for name, given in values.items() if all(map(_is_frozen, given))}
        for name in [*_stored([unit.tree for unit in units], imports=False)]:
            self.imports.pop(name, None)  # a name of the chapter hides that of a library

    def size(self) -> int:
        tables = (self.effects, self.lookups, self.same)
        simple = len(self.changed) + len(self.sources) + len(self.callbacks)
        return simple + sum(len(v) for table in tables for v in table.values())

    def reach(self, table: dict[str, set[str]], name: str) -> set[str]:
        """All that a name leads to, also through what it looks up."""
        waiting, seen, found = [name], set(), set()
        while waiting:
            place = waiting.pop()
            if place not in seen:
                seen.add(place)
                found |= table.get(place, set())
                waiting += self.lookups.get(place, set())
        return found


class _Walk(ast.NodeVisitor):
    """Go through one unit in the order in which it runs."""

    def __init__(self, notebook: _Notebook, unit: Unit) -> None:
        self.notebook, self.unit = notebook, unit
        self.scopes: list[tuple[str, set[str], bool]] = []  # label, names, whether it runs later
        self.certain: set[str] = set()  # bound at this point, whatever branch was taken
        self.joined: list[set[str]] = []  # names that may have parts of one object
        self.touched: dict[str, set[str]] = {}  # what each function changes; "" is none
        self.handed: set[str] = set()  # functions in the expression that is read just now
        self.held: dict[str, set[str]] = {}  # by the name of what may call them later

    def walk(self) -> None:
        self.visit(self.unit.tree)
        self.unit.sets = self.certain
        # What is called for nothing that it returns, such as the choice of a seed, serves its cell.
        self.unit.reads.add(f"cell {self.unit.cell}")
        match self.unit.tree:
            case ast.Expr(value=ast.Call(func=called)):
                if not self.origin(called).startswith(("builtins", "embgan_edu.publish")):
                    self.unit.changes.add(f"cell {self.unit.cell}")
        for function, touched in self.touched.items():
            places = {place for name in touched for place in self.together(name)}
            outside = {place for place in places if ":" not in place}
            self.notebook.changed |= places - outside
            if function:
                self.notebook.effects.setdefault(function, set()).update(outside)
            else:
                self.unit.changes |= outside
        for holder, functions in self.held.items():
            for name in self.spread({place for place in self.together(holder) if ":" not in place}):
                self.notebook.lookups.setdefault(name, set()).update(functions)
        self.unit.changes = self.spread(self.unit.changes)

    def spread(self, names: set[str]) -> set[str]:
        """With the names that other statements gave to parts of the same objects."""
        found, waiting = set(names), list(names)
        while waiting:
            more = self.notebook.same.get(waiting.pop(), set()) - found
            found |= more
            waiting += more
        return found

    # Names

    def place(self, name: str) -> str:
        """The name as the notebook knows it: with its function, unless it is the chapter's."""
        for label, names, _ in reversed(self.scopes):
            if name in names:
                return f"{label}:{name}"
        return name

    @property
    def function(self) -> str:
        """The outermost function or class that the walk is in."""
        return next((label.split("/")[0] for label, _, later in self.scopes if later), "")

    def visit_Name(self, node: ast.Name) -> None:
        place = self.place(node.id)
        if isinstance(node.ctx, ast.Store):
            if ":" not in place:
                self.unit.binds.add(place)
                if not self.function:
                    self.certain.add(place)
        elif ":" not in place:
            if self.function:
                self.notebook.lookups.setdefault(self.function, set()).add(place)
            else:
                self.use(place)

    def use(self, name: str) -> None:
        """Read a name; a function may be called, and looks up names itself then."""
        needed = {name} | self.notebook.reach(self.notebook.lookups, name)
        self.unit.reads |= {place for place in needed - self.certain if place[0] != "@"}
        self.unit.changes |= self.notebook.reach(self.notebook.effects, name)

    def bind(self, target: ast.expr, parts: set[str]) -> None:
        """Assign to names, or into an object, something with parts of other names."""
        for node in ast.walk(target):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                self.visit(node)
                self.joined.append({self.place(node.id), *parts})
                if self.function and ":" not in self.place(node.id):  # declared global
                    self.touched.setdefault(self.function, set()).add(node.id)
            elif isinstance(getattr(node, "ctx", None), ast.Store) and not hasattr(node, "elts"):
                self.visit(node)  # an attribute or an element
                self.change(node)
                self.joined.append(self.parts(node) | parts)

    def bind_each(self, target: ast.expr, source: ast.expr) -> None:
        """Assign elements of what is gone through; names side by side get parts of one each."""
        match target, source:
            case ast.Tuple(elts=names), ast.Call(func=ast.Name(id="zip"), args=several):
                if len(names) == len(several) and not _has_star([*names, *several]):
                    for name, one in zip(names, several, strict=True):
                        self.bind_each(name, one)
                    return
            case ast.Tuple(elts=[number, name]), ast.Call(func=ast.Name(id="enumerate")):
                self.bind(number, set())
                self.bind_each(name, source.args[0])
                return
        self.bind(target, self.parts(source))

    def change(self, node: ast.expr) -> None:
        self.touched.setdefault(self.function, set()).update(self.parts(node))

    def together(self, name: str) -> set[str]:
        """All names that may share a part with this one, as far as this unit tells."""
        found, size = {name}, 0
        while len(found) > size:
            size = len(found)
            found = found.union(*(names for names in self.joined if names & found))
        return found

    def parts(self, node: ast.expr | None) -> set[str]:
        """The names whose object, or a part of it, an expression may be."""
        match node:
            case ast.Name():
                return {self.place(node.id)}
            case ast.Attribute() | ast.Subscript() | ast.Starred() | ast.NamedExpr():
                return self.parts(node.value)
            case ast.Call(func=ast.Attribute(attr=name)) if name in VIEWS:
                return self.parts(node.func.value)
            case ast.Call(func=ast.Name(id=name)) if name in VIEWS:
                inside = node.args
            case ast.Call() if self.makes_a_holder(node.func):
                inside = [*node.args, *(keyword.value for keyword in node.keywords)]
                held = {part for item in inside for part in self.parts(item)}
                return held - self.notebook.frozen
            case ast.Tuple() | ast.List() | ast.Set():
                inside = node.elts
            case ast.Dict() | ast.BoolOp():
                inside = node.values
            case ast.IfExp():
                inside = [node.body, node.orelse]
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
                with self.scope(self.label(node), _targets(node)):
                    return self.parts(node.value if isinstance(node, ast.DictComp) else node.elt)
            case _:
                inside = []
        return {part for item in inside for part in self.parts(item)}

    def makes_a_holder(self, function: ast.expr) -> bool:
        """Whether an object is made that keeps what it gets, as an optimizer keeps weights."""
        origin = self.origin(function)
        if origin.startswith(("embgan_edu.models", "embgan_edu.study", "torch.optim")):
            return origin.rsplit(".", 1)[-1][0].isupper()
        return isinstance(function, ast.Name) and function.id in self.notebook.classes

    # Statements

    def visit_Assign(self, node: ast.Assign) -> None:
        handed = self.visit_handing(node.value)
        for target in node.targets:
            self.hold(self.parts(target), handed)
            several = [(target, node.value)]
            match target, node.value:
                case ast.Tuple(elts=names), ast.Tuple(elts=values):
                    if not _has_star([*names, *values]):
                        several = list(zip(names, values, strict=True))
            for one, value in several:
                parts = self.parts(value)
                self.bind(one, parts)
                if isinstance(one, ast.Name) and _called(value) in MAKERS:
                    self.notebook.sources.add(self.place(one.id))
                if isinstance(one, ast.Name) and not self.function:
                    for part in parts:  # another statement may change it by the other name
                        self.notebook.same.setdefault(one.id, set()).add(part)
                        self.notebook.same.setdefault(part, set()).add(one.id)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.visit(node.value)
            self.bind(node.target, self.parts(node.value))

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self.visit(node.value)
        self.bind(node.target, self.parts(node.value))

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self.visit(node.value)
        if isinstance(node.target, ast.Name):
            self.visit(ast.Name(node.target.id, ast.Load()))
        self.change(node.target)
        self.bind(node.target, self.parts(node.value))

    def visit_Delete(self, node: ast.Delete) -> None:
        for target in node.targets:
            self.change(target)
            self.generic_visit(target)

    def visit_For(self, node: ast.For) -> None:
        self.visit(node.iter)
        with self.perhaps():
            self.bind_each(node.target, node.iter)
            self.visit_all(node.body)
        with self.perhaps():
            self.visit_all(node.orelse)

    def visit_While(self, node: ast.While) -> None:
        self.visit(node.test)
        for body in (node.body, node.orelse):
            with self.perhaps():
                self.visit_all(body)

    visit_If = visit_While

    def visit_Try(self, node: ast.Try) -> None:
        for body in (node.body, node.orelse, *([handler] for handler in node.handlers)):
            with self.perhaps():
                self.visit_all(body)
        self.visit_all(node.finalbody)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        if node.name:
            self.bind(ast.Name(node.name, ast.Store()), set())
        self.visit_all(node.body)

    def visit_With(self, node: ast.With) -> None:
        for item in node.items:
            self.visit(item.context_expr)
            if item.optional_vars:
                self.bind(item.optional_vars, self.parts(item.context_expr))
        self.visit_all(node.body)

    def visit_Import(self, node: ast.Import | ast.ImportFrom) -> None:
        for item in node.names:
            self.bind(ast.Name(item.asname or item.name.split(".")[0], ast.Store()), set())

    visit_ImportFrom = visit_Import

    def visit_all(self, nodes: Iterable[ast.AST]) -> None:
        for node in nodes:
            self.visit(node)

    # Functions, classes, comprehensions

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self.visit_all([*node.decorator_list, *_defaults(node.args)])
        self.bind(ast.Name(node.name, ast.Store()), set())
        self.visit_body(node.name, node.args, node.body)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self.visit_all(_defaults(node.args))
        label = self.label(node)
        self.visit_body(label, node.args, [node.body])
        self.hand(label)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self.visit_all([*node.decorator_list, *node.bases])
        self.bind(ast.Name(node.name, ast.Store()), set())
        with self.scope(node.name, set(), later=True):
            for statement in node.body:
                if isinstance(statement, ast.FunctionDef):
                    self.visit_FunctionDef(statement)
                else:  # a method does not see the names that the class binds
                    with self.scope(node.name, _stored([statement])):
                        self.visit(statement)

    def visit_body(self, name: str, arguments: ast.arguments, body: Sequence[ast.AST]) -> None:
        label = "/".join([*(label for label, _, later in self.scopes if later), name])
        inner = [node for statement in body for node in ast.walk(statement)]
        outside = {name for node in inner if isinstance(node, ast.Global) for name in node.names}
        names = {argument.arg for argument in _arguments(arguments)} | _stored(body)
        with self.scope(label, names - outside, later=True), self.perhaps():
            self.visit_all(body)

    def visit_ListComp(self, node: ast.ListComp) -> None:
        label, later = self.label(node), isinstance(node, ast.GeneratorExp)
        with self.scope(label, _targets(node), later=later):
            for part in node.generators:
                self.visit(part.iter)
                self.bind_each(part.target, part.iter)
                self.visit_all(part.ifs)
            if isinstance(node, ast.DictComp):
                self.visit_all([node.key, node.value])
            else:
                self.visit(node.elt)
        if later:
            self.hand(label)

    visit_SetComp = visit_DictComp = visit_GeneratorExp = visit_ListComp

    def hand(self, label: str) -> None:
        """What has no name is called here, or by what it is handed to."""
        if not self.function:
            self.handed.add(label)
            self.use(label)

    def visit_handing(self, *nodes: ast.AST) -> set[str]:
        """Visit, and return the functions that are handed on inside."""
        before, self.handed = self.handed, set()
        self.visit_all(nodes)
        handed, self.handed = self.handed, before | self.handed
        return handed

    def hold(self, places: set[str], functions: set[str]) -> None:
        for place in places if functions else ():
            self.held.setdefault(place, set()).update(functions)

    @contextmanager
    def scope(self, label: str, names: set[str], later: bool = False) -> Iterator[None]:
        self.scopes.append((label, names, later))
        yield
        self.scopes.pop()

    @contextmanager
    def perhaps(self) -> Iterator[None]:
        """What is bound inside may not be bound after it."""
        certain = set(self.certain)
        yield
        self.certain = certain

    def label(self, node: ast.AST) -> str:
        return f"@{self.unit.cell}_{node.lineno}_{node.col_offset}"

    # Calls

    def visit_Call(self, node: ast.Call) -> None:
        function = node.func
        self.visit(function)
        arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
        known = {*self.notebook.signatures, *self.notebook.classes}
        handed = self.visit_handing(*arguments)
        if not self.function:
            handed |= known & {a.id for a in arguments if isinstance(a, ast.Name)}
            self.handed |= handed
            for part in [function] if isinstance(function, ast.Attribute) else arguments:
                self.hold(self.parts(part), handed)
        for argument in arguments:
            if isinstance(argument, ast.Name):
                place = self.place(argument.id)
                if place in self.notebook.sources or argument.id in SOURCES:
                    self.change(argument)
        for keyword in node.keywords:
            if keyword.arg in SOURCES:
                self.change(keyword.value)
        origin = self.origin(function)
        if origin:
            if not _only_reads(origin):
                for argument in arguments:
                    if not _is_cut_out(argument):
                        self.change(argument)
        elif isinstance(function, ast.Attribute):
            if function.attr not in LOOKS:
                self.change(function.value)
        elif isinstance(function, ast.Name) and self.place(function.id) in known:
            if function.id in self.notebook.classes and not self.function:
                self.handed.add(function.id)
            if handed:
                self.notebook.callbacks.add(function.id)
            self.change_arguments(function.id, node)
        else:
            self.change(function)  # an object that is called, such as a network
            if not self.function or self.function in self.notebook.callbacks:
                for argument in arguments:  # or a function that was handed over
                    self.change(argument)

    def change_arguments(self, name: str, node: ast.Call) -> None:
        """What a function of the chapter does to its parameters, its call does to the arguments."""
        signature = self.notebook.signatures.get(name)
        if signature is None:  # a class
            return
        parameters = [argument.arg for argument in _arguments(signature)]
        changed = [f"{name}:{parameter}" in self.notebook.changed for parameter in parameters]
        named = {keyword.arg for keyword in node.keywords}
        spread = [isinstance(argument, ast.Starred) for argument in node.args]
        several = signature.vararg or signature.kwarg or _defaults(signature)
        for number, argument in enumerate(node.args):
            if not any(spread[: number + 1]):
                meets = changed[number : number + 1] or changed[-1:]
            elif several or sum(spread) > 1 or named or spread[number]:
                meets = changed  # perhaps any of them
            else:  # all parameters get a value, so the last one gets the last
                meets = [changed[number - len(spread)]]
            if any(meets):
                self.change(argument)
        for keyword in node.keywords:
            if keyword.arg in parameters:
                meets = [changed[parameters.index(keyword.arg)]]
            else:
                meets = changed
            if any(meets):
                self.change(keyword.value)

    def origin(self, node: ast.expr) -> str:
        """The full name of what is imported, such as ``numpy.random.default_rng``, or nothing."""
        if isinstance(node, ast.Attribute):
            front = self.origin(node.value)
            return front and f"{front}.{node.attr}"
        if isinstance(node, ast.Name) and self.place(node.id) == node.id:
            return self.notebook.imports.get(node.id, "")
        return ""


def _only_reads(origin: str) -> bool:
    """Whether a function leaves its arguments as they are. A class does."""
    name = origin.rsplit(".", 1)[-1]
    if name.endswith("_") or name == "next":
        return False
    return name[0].isupper() or origin.startswith(READERS)


def _is_cut_out(node: ast.expr) -> bool:
    """Whether this is ``X[:64]`` or ``X[None]``: rows to learn from, no network or optimizer."""
    inside = list(ast.walk(node.slice)) if isinstance(node, ast.Subscript) else []
    return any(
        isinstance(part, ast.Slice) or (isinstance(part, ast.Constant) and part.value is None)
        for part in inside
    )


def _is_frozen(node: ast.expr) -> bool:
    """Whether this is a number, a text, or settings of the package."""
    made = _called(node)
    return isinstance(node, ast.Constant) or made.endswith("Config") or made in FROZEN


def _called(node: ast.expr) -> str:
    """The last part of the name of what is called."""
    function = node.func if isinstance(node, ast.Call) else None
    return getattr(function, "attr", getattr(function, "id", ""))


def _has_star(nodes: Iterable[ast.expr]) -> bool:
    return any(isinstance(node, ast.Starred) for node in nodes)


def _arguments(arguments: ast.arguments) -> list[ast.arg]:
    several = [arguments.vararg, arguments.kwarg]
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, *several]
    return [argument for argument in every if argument is not None]


def _defaults(arguments: ast.arguments) -> list[ast.expr]:
    return [d for d in [*arguments.defaults, *arguments.kw_defaults] if d is not None]


def _targets(node: ast.ListComp) -> set[str]:
    """The names that a comprehension runs over."""
    return {
        inner.id
        for part in node.generators
        for inner in ast.walk(part.target)
        if isinstance(inner, ast.Name)
    }


def _stored(body: Sequence[ast.AST], imports: bool = True) -> set[str]:
    """The names that a piece of code binds, those in its inner functions left out."""
    names, waiting = set(), list(body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            if imports:
                names |= {item.asname or item.name.split(".")[0] for item in node.names}
        elif not isinstance(node, ast.Lambda | ast.comprehension):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                names.add(node.id)
            if isinstance(node, ast.ExceptHandler) and node.name:
                names.add(node.name)
            waiting += ast.iter_child_nodes(node)
    return names
