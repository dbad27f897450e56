"""prose.py: text files of your own, speeches, Wikipedia summaries; and the real prose."""

import json

import pytest

from bertlab import sources

# ---------------------------------------------------------------------------------------------------------
# Text files of your own


def test_blank_lines_separate_the_documents_of_a_file(tmp_path):
    path = tmp_path / "mine.txt"
    path.write_bytes("\ufeffOne. Two\r\nlines here.\r\n \t\r\nThree? Ä!\n\n\n\nFour\n".encode())
    assert sources.documents(path) == [["One.", "Two lines here."], ["Three?", "Ä!"], ["Four"]]
    assert sources.documents(str(path)) == sources.documents(path)
    assert sources.texts(path)[0] == "One. Two\nlines here."


def test_each_file_of_a_folder_is_a_document(tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "x.txt").write_text("Third one")
    (tmp_path / "a2.txt").write_text("Second.\n\nstill second")
    (tmp_path / "a1.txt").write_text("First.")
    (tmp_path / "empty.txt").write_text(" \n")
    (tmp_path / "other.md").write_text("Not read.")
    assert sources.documents(tmp_path) == [["First."], ["Second.", "still second"], ["Third one"]]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"caf\xe9 au lait", r"byte 3 \(0xe9, line 1\) is not UTF-8"),
        (b"\xef\xbb\xbfab\n\xff", r"byte 6 \(0xff, line 2\)"),
        ("Füße".encode("utf-16"), r"byte 0 \(0xff, line 1\)"),
        (b"cut \xe2\x82", r"byte 4 \(0xe2"),
        (b" \n\n \n", "contains no text"),
        (b"", "contains no text"),
    ],
)
def test_a_file_without_text_is_reported_with_the_bad_byte(tmp_path, data, message):
    path = tmp_path / "mine.txt"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=message) as error:
        sources.documents(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)
    with pytest.raises(ValueError, match=message):
        sources.texts(tmp_path)


def test_a_name_or_folder_without_prose_is_reported(tmp_path):
    with pytest.raises(sources.SourceError, match=r"contains no .txt file"):
        sources.documents(tmp_path)
    with pytest.raises(
        sources.SourceError, match=r"nor a source of prose \(sotu, wiki, kjv, web, tang\); did you mean \"wiki\"\?$"
    ):
        sources.documents("wikki")
    with pytest.raises(sources.SourceError, match=r"novel.txt is neither a file .*\(sotu, wiki, kjv, web, tang\)$"):
        sources.texts(tmp_path / "novel.txt")
    with pytest.raises(ValueError, match="'glove' is not prose"):
        sources.documents("glove")


# ---------------------------------------------------------------------------------------------------------
# Readers, on files of a few lines


def test_speeches_are_sorted_by_date_without_what_editors_added(fetched):
    (fetched / "speeches").mkdir()
    (fetched / "metadata.csv").write_text("fileid,date\n1973-N-10,1973-03-10\n1973-N-9,1973-03-08\n")
    (fetched / "speeches" / "1973-N-10.txt").write_text("Thank you. Good night.\n\nTHE END")
    (fetched / "speeches" / "1973-N-9.txt").write_text(
        "[ As delivered at 9:04 p.m. ]\n\nThe President. Mr. Speaker, we [the States] met. [Laughter] Sit down.\n"
        "Audience members. Four more years!\n[At this point, the audience rose.] [Applause]\n"
        "Circumstances [see APP Note], friends.\n"
    )
    assert sources.documents("sotu") == [
        ["Mr. Speaker, we [the States] met.", "Sit down.", "Circumstances, friends."],
        ["Thank you.", "Good night.", "THE END"],
    ]
    assert sources.texts("sotu")[1] == "Thank you. Good night.\nTHE END"


def test_wiki_summaries_are_cleaned(fetched):
    articles = {
        "Cello": "The cello ( CHEL-oh, Italian: [ˈtʃɛllo]), of 4\u2009kg , is\u2060 big.It sings. ()",
        "List": "Two groups:Hydra, one\nand so on.\nLaticauda, two",
    }
    raw = {t: {"title": t, "extract": e, "description": "", "topic": "Arts"} for t, e in articles.items()}
    (fetched / "summaries_en-us.json").write_text(json.dumps(raw))
    assert sources.wiki() == [
        {
            "title": "Cello",
            "summary": "The cello (CHEL-oh, Italian: [ˈtʃɛllo]), of 4 kg, is big. It sings.",
            "topic": "Arts",
        },
        {"title": "List", "summary": "Two groups: Hydra, one and so on.\nLaticauda, two", "topic": "Arts"},
    ]
    assert sources.documents("wiki")[0][1] == "It sings."
    assert sources.documents("wiki")[1] == ["Two groups: Hydra, one and so on.", "Laticauda, two"]


# ---------------------------------------------------------------------------------------------------------
# The real data (fetched once, then cached)


@pytest.mark.network
@pytest.mark.parametrize(
    ("name", "documents", "sentences", "first"),
    [
        ("sotu", 249, 74_000, "Fellow-Citizens of the Senate and House of Representatives:"),
        ("wiki", 10_033, 36_000, "20th-century classical music is Western art music that was written between"),
        ("kjv", 1_189, 31_102, "In the beginning God created the heaven and the earth."),
        ("web", 1_189, 31_095, "In the beginning God created the heavens and the earth."),
        ("tang", 57_308, 256_194, "秦川雄帝宅，函谷壯皇居。"),
    ],
)
def test_real_prose(fetch_real, name, documents, sentences, first):
    fetch_real(name)
    split_documents = sources.documents(name)
    assert len(split_documents) == documents
    total = sum(map(len, split_documents))
    assert total == sentences if name in ("kjv", "web", "tang") else sentences <= total < sentences + 1_000
    assert split_documents[0][0].startswith(first)
    assert all(document and all(document) for document in split_documents)
    letters = "".join(sentence for document in split_documents for sentence in document)
    assert not set(letters) & set("{}\xa0\u2060\ufeff\n\t")


@pytest.mark.network
def test_real_topics(fetch_real):
    fetch_real("wiki")
    topics = [article["topic"] for article in sources.wiki()]
    assert len(set(topics)) == 12
    assert topics.count("Uncategorized") == 1_000
