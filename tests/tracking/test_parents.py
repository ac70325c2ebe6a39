"""What parent runs are called."""

from inkbench.tracking import parents


def test_commit_link_leads_to_the_web_page():
    commit = "0123456789abcdef"
    assert parents.commit_link(commit, "") == "commit `0123456789ab`"
    assert parents.commit_link(commit, "https://example.org/a/b.git") == (
        f"[commit `0123456789ab`](https://example.org/a/b/commit/{commit})"
    )
