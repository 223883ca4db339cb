"""Somebody who opens the service in a browser without a link is told what to do; programs get problem documents."""

import json

import pytest

from tests.preview.raw import raw

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


def test_a_person_at_the_front_is_told_where_to_approve_and_to_sign_in(site):
    status, headers, text = raw(f"{site}/", Accept=BROWSER, Accept_Language="en")
    assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "the link that was sent to you" in text
    assert "/api/v1/sessions" in text
    assert "script-src 'self'" in headers["content-security-policy"]
    assert "den du bekommen hast" in raw(f"{site}/?l=de", Accept=BROWSER)[2]


@pytest.mark.parametrize("path", ["/nothing/here", "/p", "/sign-in", "/u/a/b/c"])
def test_a_person_at_an_address_that_is_none_gets_a_page(site, path):
    status, headers, text = raw(site + path, Accept=BROWSER, Accept_Language="en")
    assert (status, headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "There is nothing here" in text


@pytest.mark.parametrize("accept", ["*/*", "application/json", "application/json, text/html;q=0.5", "text/html;q=0"])
@pytest.mark.parametrize("path", ["/", "/nothing/here"])
def test_a_program_gets_a_problem_document_that_names_the_way(site, path, accept):
    status, headers, text = raw(site + path, Accept=accept)
    assert (status, headers["content-type"]) == (404, "application/problem+json")
    assert json.loads(text)["code"] == "not_found"
    assert path != "/" or "/api/v1" in text


def test_the_api_speaks_problem_documents_to_browsers_too(site):
    for path, status in (("/api/v1/campaigns", 401), ("/api/v1/nothing", 404)):
        answer = raw(site + path, Accept=BROWSER)
        assert (answer[0], answer[1]["content-type"]) == (status, "application/problem+json")
