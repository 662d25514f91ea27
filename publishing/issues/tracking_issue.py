"""The tracking issue of one scheduled check: opened when something is found, updated, closed when the check is clean.

There are four answers: found, clean, could not run, and undecided (too few rows, or drift that may not last). A check
that could not run never counts as clean: it opens an issue under its own title, and never closes one.
"""

from dataclasses import dataclass
from typing import Literal

from github import GithubException
from github.Issue import Issue
from github.Repository import Repository

from publishing.api import BOT, Run

State = Literal["found", "clean", "could not run", "undecided"]
MOST_CHARACTERS = 60_000
UNPROCESSABLE = 422


@dataclass(frozen=True)
class Topic:
    """The subject of an issue. `name` is its label and part of the marker by which it is found again."""

    name: str
    about: str
    title_found: str
    title_could_not_run: str

    @property
    def marker(self) -> str:
        return f"<!-- gatehouse: {self.name} -->"


@dataclass(frozen=True)
class Answer:
    """This run's answer. `text` is Markdown in which texts from outside are escaped."""

    state: State
    text: str


def track(repo: Repository, topic: Topic, answer: Answer, run: Run) -> str:
    """Open, update or close the issue; returns what was done. GitHub's errors are not caught."""
    ours = _open_issues(repo, topic)
    for twin in ours[1:]:
        twin.edit(state="closed", state_reason="not_planned")
    issue = ours[0] if ours else None
    if answer.state == "clean":
        return _close(issue, answer, run)
    if answer.state == "undecided" and issue is None:
        return "nothing certain, and no issue is open; nothing to do."
    title = topic.title_could_not_run if answer.state == "could not run" else topic.title_found
    body = _body(topic, answer, run)
    if issue is None:
        _have_label(repo, topic)
        return f"opened #{repo.create_issue(title=title, body=body, labels=[topic.name]).number}: {title}."
    if answer.state == "undecided":
        issue.edit(body=body)
        return f"updated #{issue.number}: nothing certain."
    if issue.title != title:
        issue.create_comment(f"{title}.\n\n{_foot(run)}")
    issue.edit(title=title, body=body)
    return f"updated #{issue.number}: {title}."


def _open_issues(repo: Repository, topic: Topic) -> list[Issue]:
    """The workflow's own with the marker, oldest first. For the API a pull request is an issue, too."""
    listed = repo.get_issues(state="open", labels=[topic.name], sort="created", direction="asc")
    return [
        one
        for one in listed
        if one.user.login == BOT and (one.body or "").startswith(topic.marker) and "/pull/" not in one.html_url
    ]


def _close(issue: Issue | None, answer: Answer, run: Run) -> str:
    if issue is None:
        return "clean, and no issue is open; nothing to do."
    issue.create_comment(f"{answer.text}\n\n{_foot(run)}"[:MOST_CHARACTERS])
    issue.edit(state="closed", state_reason="completed")
    return f"closed #{issue.number}."


def _body(topic: Topic, answer: Answer, run: Run) -> str:
    text = answer.text
    if len(text) > MOST_CHARACTERS:
        text = text[:MOST_CHARACTERS].rpartition("\n")[0] + "\n\n… cut: see the run."
    return f"{topic.marker}\n{text}\n\n{_foot(run)}\n"


def _foot(run: Run) -> str:
    return f"<sub>Said by [this run]({run.url}); the text above is always the newest.</sub>"


def _have_label(repo: Repository, topic: Topic) -> None:
    try:
        repo.create_label(topic.name, "b60205", topic.about)
    except GithubException as error:
        if error.status != UNPROCESSABLE:  # it is there already
            raise
