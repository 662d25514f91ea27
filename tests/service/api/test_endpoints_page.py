"""docs/endpoints.md is what the service says of itself."""

from pathlib import Path

from tests.service.endpoints_page import PAGE, document_of_a_service, render


def test_the_handbooks_endpoints_are_those_of_the_service(tmp_path: Path) -> None:
    assert PAGE.read_text(encoding="utf-8") == render(document_of_a_service(tmp_path)), "run `make endpoints`"


def test_another_route_changes_the_page(tmp_path: Path) -> None:
    document = document_of_a_service(tmp_path)
    del document["paths"]["/predict"]
    assert PAGE.read_text(encoding="utf-8") != render(document)
