"""One spelling for one thing, and never a credential in it."""

from __future__ import annotations

import pytest

from governed_kernel.capture.uris import redacted, url_uri, what_decides


@pytest.mark.parametrize(
    "text",
    [
        "psql postgresql://ada:s3cret@db:5432/cases -c 'select 1'",
        "https://ada:s3cret@example.org/a?x=1",
        "https://example.org/a?x=1&access_token=s3cret&y=2",
        "https://storage/a?X-Amz-Signature=s3cret",
        "host=db user=ada password=s3cret dbname=cases",
        "host=db password='s3cret' dbname=cases",
        "create user ada with password 's3cret'",
        "curl -H 'Authorization: Bearer s3cret' https://example.org",
        'curl -H "Authorization: Basic s3cret" https://example.org',
        "tool --password s3cret --verbose",
        "tool --api-key=s3cret",
        '{"client_secret": "s3cret"}',
        "AWS_SECRET_ACCESS_KEY=s3cret tool",
    ],
)
def test_credentials_are_taken_out_of_a_text(text: str) -> None:
    assert "s3cret" not in redacted(text)


@pytest.mark.parametrize(
    "text",
    [
        "select token, author from passengers where age > 30",
        "SELECT count(*) FROM people WHERE passed = 'yes'",
        "cat people.csv",
        "https://example.org/a?x=1&y=2",
        "git log --author ada",
    ],
)
def test_other_text_stays_as_it_is(text: str) -> None:
    assert redacted(text) == text.replace("ada:s3cret@", "")


def test_a_uri_has_no_credentials_and_no_query() -> None:
    assert url_uri("https://u:p@h/a?token=t#f") == "https://h/a"


def test_policy_is_asked_about_paths_as_they_are_and_about_addresses() -> None:
    assert what_decides("sqlite:///a%20b.db#people") == "/a b.db"
    assert what_decides("duckdb:///a%23b.db") == "/a#b.db"
    assert what_decides("postgresql://db/cases#people") == "postgresql://db/cases#people"
