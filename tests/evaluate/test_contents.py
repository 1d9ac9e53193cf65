from tasks.evaluate.contents import with_contents


def test_headings_get_anchors_and_links() -> None:
    page = "<nav></nav>" + "".join(
        f"<h2>{title}</h2><p>x</p>" for title in ("Data", "What ran", "Data", "<bdi>财 &lt;b&gt;</bdi>")
    )
    found = with_contents(page)
    assert '<a href="#what-ran">What ran</a>' in found
    assert found.count('id="data"') == 1
    assert found.count('id="data-') == 1
    assert '">财 &lt;b&gt;</a>' in found
    ids = [part.split('"')[0] for part in found.split('<h2 id="')[1:]]
    assert [part.split('"')[0] for part in found.split('<a href="#')[1:]] == ids
    assert len(set(ids)) == 4


def test_a_short_page_needs_none() -> None:
    assert with_contents("<nav></nav><h2>Data</h2>") == '<h2 id="data">Data</h2>'
