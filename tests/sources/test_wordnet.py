"""wordnet.py: lines of the data files become senses with their words, definition and examples."""

from bertlab import sources

LICENCE = "  1 This software and database is being provided to you, the LICENSEE, by\n"
BANK = (
    "09213565 17 n 02 bank 0 Riverbank 1 004 @ 09433442 n 0000 | sloping land (beside water); "
    '"they pulled the canoe up"; "he sat on the bank"  \n'
)
BURP = "00003431 29 v 01 burp 0 001 @ 00105333 v 0000 01 + 02 00 | expel gas  \n"


def test_senses_are_read_from_their_lines(fetched):
    (fetched / "data.noun1").write_text(LICENCE + BANK)
    (fetched / "data.noun2").write_text(BANK.replace("09213565", "09999999"))
    (fetched / "data.verb").write_text(LICENCE + BURP)
    first, second, burp = sources.wordnet()
    assert first == sources.Synset("noun", "09213565", 17, ("bank", "riverbank"), "sloping land (beside water)",
                                   ("they pulled the canoe up", "he sat on the bank"))  # fmt: skip
    assert second.offset == "09999999"
    assert burp == sources.Synset("verb", "00003431", 29, ("burp",), "expel gas", ())
