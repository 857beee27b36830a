"""Two steps of nbgrader in our own way: what is taken out of a solution, and how answers are run.

``nbgrader_config.py`` of a checkout puts them in place.
"""

from pathlib import Path
from typing import Any

from nbformat.v4 import new_output
from nbgrader.preprocessors import ClearHiddenTests, ClearSolutions, NbGraderPreprocessor
from traitlets import Float, Integer, Unicode

from embgan_edu.checks.engine import find_exercise
from embgan_edu.grading.collect import REASON
from embgan_edu.grading.marking import (
    GRADING_SEED,
    checked_answer,
    load_reference,
    mark,
    report,
)
from embgan_edu.grading.sandbox import Execution, Limits, execute, is_check


class ClearAnswers(ClearSolutions):
    """Take answers out of a notebook.

    In a function, a line that raises ``NotImplementedError`` takes the place of the answer. Outside
    of functions nothing does: there a template stands above the answer.
    """

    def preprocess_cell(self, cell: Any, resources: Any, index: int) -> tuple[Any, Any]:
        """Clear one cell."""
        delimiter = self.begin_solution_delimeter
        lines = cell.source.splitlines()
        whole = any(delimiter in line and not line.startswith(" ") for line in lines)
        cell, resources = super().preprocess_cell(cell, resources, index)
        if whole and cell.cell_type == "code":
            cell.source = cell.source.replace(self.code_stub["python"], "").rstrip()
        return cell, resources


class IsolatedExecute(NbGraderPreprocessor):
    """Run a submission in a process of its own, and put points and feedback into the notebook.

    What nbgrader's own step does in the student's kernel, hidden tests included, happens here in
    two processes. The student's cells run in one that knows no answer
    (:mod:`embgan_edu.grading.sandbox`); what they return is marked in this one.
    """

    solutions = Unicode("solutions", help="Folder of the instructor's notebooks").tag(config=True)
    seed = Integer(GRADING_SEED, help="Of the numbers on which answers are measured").tag(
        config=True
    )
    cell_seconds = Float(Limits.cell_seconds, help="Time limit of one cell").tag(config=True)
    submission_seconds = Float(
        Limits.submission_seconds, help="Time limit of one submission, restarts included"
    ).tag(config=True)
    memory = Integer(
        Limits.memory, help="Bytes a submission may use, beyond what its libraries need"
    ).tag(config=True)

    def preprocess(self, nb: Any, resources: Any) -> tuple[Any, Any]:
        """Grade one notebook."""
        assignment = resources["nbgrader"]["assignment"]
        reference = load_reference(Path(self.solutions, assignment, f"{assignment}.ipynb"))
        limits = Limits(self.cell_seconds, self.submission_seconds, self.memory)
        execution = execute(nb.cells, self.seed, limits)
        for number, cell in enumerate(nb.cells):
            if is_check(cell):
                self._grade(number, cell, nb.cells, execution, reference)
                # The feedback goes to the student.
                ClearHiddenTests(parent=self).preprocess_cell(cell, resources, number)
            elif cell.cell_type == "code":
                cell.outputs = _what_happened(number, execution)
        return nb, resources

    def _grade(
        self, number: int, cell: Any, cells: list[Any], execution: Execution, reference: Any
    ) -> None:
        name, _ = checked_answer(cell.source) or ("", "")
        reason = cell.metadata.get(REASON) or _stop_reason(number, cells, execution)
        if reason:
            text, earned = f"{name}: 0 points. {reason}", 0.0
        else:
            exercise = find_exercise(name)
            results = mark(exercise, execution.entries[number], reference, self.seed)
            text = report(exercise, results, self.seed)
            earned = sum(result.earned for result in results)
        text += f"\nThe answer ran apart, with: {', '.join(execution.layers)}."
        cell.outputs = [
            new_output("stream", name="stdout", text=text),
            new_output("execute_result", data={"text/plain": f"{earned:g}"}, execution_count=None),
        ]


def _stop_reason(number: int, cells: list[Any], execution: Execution) -> str:
    """Why nothing was measured of an answer: its check was stopped, or the cell that defines it."""
    if number in execution.stopped:
        return f"The check was stopped: {execution.stopped[number]}."
    name = cells[number].metadata["nbgrader"]["grade_id"]
    for other, cell in enumerate(cells):
        if (
            cell.metadata.get("nbgrader", {}).get("grade_id") == f"{name}-answer"
            and other in execution.stopped
        ):
            return f"The cell of the answer was stopped: {execution.stopped[other]}."
    return ""


def _what_happened(number: int, execution: Execution) -> list[Any]:
    """The outputs of a cell that is not graded."""
    found = execution.outputs.get(number, {"output": "", "error": ""})
    text = found["output"]
    if number in execution.stopped:
        text += f"\nstopped: {execution.stopped[number]}"
    elif found["error"] and found["error"] not in text:
        text += f"\n{found['error']}"
    return [new_output("stream", name="stdout", text=text)] if text else []
