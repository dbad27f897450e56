"""The sentences that minimal pairs are made of: words, and a frame for each phenomenon of English grammar.

A frame draws a *couple*: two sentences with a gap and two words, of which the first is right in the first sentence only
and the second in the second one only. A couple makes two pairs,

    good  The king saved himself.      bad  The king saved themselves.
    good  The kings saved themselves.  bad  The kings saved himself.

so each word is right as often as it is wrong, and both sentences of a pair have the same length. What knows only how
frequent words are is right in exactly half of the pairs. Where the gap has the same neighbours in both sentences, so is
what knows only neighbouring words. The words are frequent in the speeches, Wikipedia and the Bibles that bertlab-mini
learned from. The phenomena are those that syntacticians name, as in BLiMP (Warstadt et al. 2020); the words, frames and
sentences are ours.
"""

import random
from collections.abc import Callable

GAP = "_"
Couple = tuple[str, str, str, str]  # a sentence, another one, the word that is right in the first, in the second

# ---- Words -----------------------------------------------------------------------------------------------------------

MALE = ["man", "king", "son", "brother", "father", "prince", "husband", "boy"]
FEMALE = ["woman", "queen", "daughter", "sister", "mother", "wife"]
PEOPLE = {"man": "men", "woman": "women", "king": "kings", "son": "sons", "daughter": "daughters",
          "brother": "brothers", "prince": "princes", "servant": "servants", "prophet": "prophets",
          "priest": "priests", "leader": "leaders", "soldier": "soldiers", "governor": "governors",
          "president": "presidents"}  # fmt: skip
THINGS = {"city": "cities", "house": "houses", "tree": "trees", "gate": "gates", "stone": "stones", "river": "rivers",
          "mountain": "mountains", "door": "doors", "field": "fields", "town": "towns"}  # fmt: skip
MADE = {"book": "books", "house": "houses", "city": "cities", "ship": "ships", "gate": "gates", "letter": "letters",
        "song": "songs", "law": "laws", "town": "towns"}  # fmt: skip
SUBSTANCES = ["water", "wine", "gold", "silver", "money", "oil", "bread", "wheat", "grain", "blood", "milk", "wood",
              "iron", "honey"]  # fmt: skip
ADJECTIVES = ["old", "young", "great", "good", "wise", "rich", "poor", "strong", "holy", "wicked"]
OF_THINGS = ["old", "new", "great", "good", "small", "white", "black", "little"]
STATES = ["old", "young", "wise", "rich", "poor", "strong", "holy", "wicked", "great", "small"]
PLACES = ["near", "behind", "before", "above", "under", "against", "beside"]
# Of people who act alone, third person singular -> plural.
ACTS = {"lives": "live", "stands": "stand", "works": "work", "speaks": "speak", "comes": "come", "goes": "go",
        "falls": "fall", "rises": "rise", "returns": "return", "rests": "rest", "dies": "die", "serves": "serve",
        "leads": "lead", "is": "are", "was": "were"}  # fmt: skip
ADVERBS = ["here", "there", "again", "now", "today"]
LIKED = {"loves": "love", "knows": "know", "sees": "see", "hears": "hear", "follows": "follow",
         "calls": "call", "helps": "help"}  # fmt: skip
SUBJECTS = ["he", "she", "they", "we"]
PAST = ["saw", "heard", "knew", "loved", "hated", "helped", "called"]
TO_ONESELF = ["saved", "killed", "made", "called", "praised", "hid", "saw", "heard", "loved", "hated", "knew"]
# Past tense -> participle, of verbs whose two forms differ, with what they take.
IRREGULAR = {"broke": "broken", "took": "taken", "chose": "chosen", "saw": "seen", "knew": "known", "gave": "given",
             "wrote": "written", "threw": "thrown", "drew": "drawn", "began": "begun"}  # fmt: skip
NEEDS_OBJECT = ["destroyed", "received", "brought", "took", "made", "sent", "carried", "found"]
TAKES_NONE = ["slept", "lived", "died", "stayed", "came", "went", "wept", "arrived"]
TOOK = ["found", "built", "made", "took", "brought", "received", "destroyed"]
CAN = ["can", "could", "will", "would"]
ABLE = ["sing", "speak", "read", "write", "fight", "walk", "stand", "work", "serve", "sleep"]
DID = ["came", "spoke", "died", "fell", "slept", "wept", "departed", "returned", "rose", "worked"]
DONE = ["come", "spoken", "died", "fallen", "slept", "departed", "returned", "risen", "worked", "gone"]


def add_article(rng: random.Random, nouns: dict[str, str], plural: bool) -> str:
    """ "the" and one of the nouns, in the singular or in the plural."""
    noun = rng.choice(list(nouns))
    return f"the {nouns[noun] if plural else noun}"


def choose_two_people(rng: random.Random) -> tuple[str, str]:
    """Two different people in the singular."""
    first, second = rng.sample(list(PEOPLE), 2)
    return first, second


# ---- Frames ----------------------------------------------------------------------------------------------------------


def choose_subject_and_act(rng: random.Random) -> tuple[str, str, str, str]:
    """A person, the same in the plural, and a verb for one and for several, with what may follow it in `end_act`."""
    noun = rng.choice(list(PEOPLE))
    act = rng.choice(list(ACTS))
    return noun, PEOPLE[noun], act, ACTS[act]


def end_act(rng: random.Random, act: str) -> str:
    """What follows the verb: a state after "is" and "was", an adverb after others."""
    return rng.choice(STATES if act in ("is", "was") else ADVERBS)


def draw_agreement(rng: random.Random) -> Couple:
    one, many, act, acts = choose_subject_and_act(rng)
    adjective, end = rng.choice(ADJECTIVES), end_act(rng, act)
    return f"the {adjective} {one} _ {end}", f"the {adjective} {many} _ {end}", act, acts


def draw_agreement_over_phrase(rng: random.Random) -> Couple:
    one, many, act, acts = choose_subject_and_act(rng)
    between = f"{rng.choice(PLACES)} {add_article(rng, THINGS, rng.random() < 0.5)}"
    end = end_act(rng, act)
    return f"the {one} {between} _ {end}", f"the {many} {between} _ {end}", act, acts


def draw_agreement_over_clause(rng: random.Random) -> Couple:
    one, many, act, acts = choose_subject_and_act(rng)
    likes, like = rng.choice(list(LIKED.items()))
    plural = rng.random() < 0.5
    others = {noun: nouns for noun, nouns in PEOPLE.items() if noun != one}
    between = f"that {add_article(rng, others, plural)} {like if plural else likes}"
    end = end_act(rng, act)
    return f"the {one} {between} _ {end}", f"the {many} {between} _ {end}", act, acts


def draw_determiner(rng: random.Random, adjective: str = "") -> Couple:
    noun, nouns = rng.choice([*THINGS.items(), *MADE.items()])
    one, many = rng.choice([("this", "these"), ("that", "those")])
    start = f"{rng.choice(SUBJECTS)} {rng.choice(TOOK)}"
    space = f" {adjective}" if adjective else ""
    return f"{start} _{space} {noun}", f"{start} _{space} {nouns}", one, many


def draw_determiner_over_adjective(rng: random.Random) -> Couple:
    return draw_determiner(rng, rng.choice(OF_THINGS))


def draw_anaphor_gender(rng: random.Random) -> Couple:
    verb, adjective = rng.choice(TO_ONESELF), rng.choice(ADJECTIVES)
    male, female = rng.choice(MALE), rng.choice(FEMALE)
    return f"the {adjective} {male} {verb} _", f"the {adjective} {female} {verb} _", "himself", "herself"


def draw_anaphor_number(rng: random.Random) -> Couple:
    verb, adjective = rng.choice(TO_ONESELF), rng.choice(ADJECTIVES)
    noun = rng.choice([noun for noun in PEOPLE if noun not in FEMALE])
    return f"the {adjective} {noun} {verb} _", f"the {adjective} {PEOPLE[noun]} {verb} _", "himself", "themselves"


def draw_irregular_form(rng: random.Random) -> Couple:
    past, participle = rng.choice(list(IRREGULAR.items()))
    noun, other = choose_two_people(rng)
    often = rng.choice(["never", "often", "always", "now"])
    rest = f"{often} _ the {rng.choice([*MADE, *MADE.values()])}"
    subject = rng.choice([f"the {noun}", f"the {noun} and the {other}"])
    has = "have" if " and " in subject else "has"
    return f"{subject} {rest}", f"{subject} {has} {rest}", past, participle


def draw_argument_structure(rng: random.Random) -> Couple:
    subject, thing = rng.choice(SUBJECTS), add_article(rng, THINGS, rng.random() < 0.5)
    place = rng.choice(["in", "near", "before", "under", "behind"])
    return f"{subject} _ {thing}", f"{subject} _ {place} {thing}", rng.choice(NEEDS_OBJECT), rng.choice(TAKES_NONE)


def draw_polarity(rng: random.Random) -> Couple:
    noun, other = choose_two_people(rng)
    act, can = rng.choice(ABLE), rng.choice(CAN)
    first, second = f"the {noun} {can} not {act}, and", f"the {noun} {can} {act}, and"
    if rng.random() < 0.5:
        return f"{first} _ {can} the {other}", f"{second} _ {can} the {other}", "neither", "so"
    return f"{first} the {other} {can} not {act} _", f"{second} the {other} {can} {act} _", "either", "too"


def draw_filler_gap(rng: random.Random) -> Couple:
    subject, verb = rng.choice(["I", "we", "they"]), rng.choice(["know", "remember", "forget", "saw", "heard", "knew"])
    clause = f"the {rng.choice(list(PEOPLE))} {rng.choice(TOOK)}"
    thing = add_article(rng, rng.choice([THINGS, MADE]), rng.random() < 0.5)
    return f"{subject} {verb} _ {clause}", f"{subject} {verb} _ {clause} {thing}", "what", "that"


def draw_ellipsis(rng: random.Random) -> Couple:
    noun, other = choose_two_people(rng)
    done = {"did": rng.choice(DID), "has": f"has {rng.choice(DONE)}"} | {
        can: f"{can} {rng.choice(ABLE)}" for can in CAN
    }
    did = rng.choice(list(done))
    rest = f", and the {other} _ too"
    return f"the {noun} was {rng.choice(STATES)}{rest}", f"the {noun} {done[did]}{rest}", "was", did


def draw_quantifier(rng: random.Random) -> Couple:
    start = f"{rng.choice(SUBJECTS)} {rng.choice(TOOK)}"
    adjective = rng.choice(["good", "old", "new"])
    nouns = rng.choice([*MADE.values(), *THINGS.values()])
    return f"{start} _ {adjective} {rng.choice(SUBSTANCES)}", f"{start} _ {adjective} {nouns}", "much", "many"


def draw_case(rng: random.Random) -> Couple:
    subject, object_ = rng.choice([("he", "him"), ("she", "her"), ("they", "them"), ("we", "us"), ("I", "me")])
    noun, verb = rng.choice(list(PEOPLE)), rng.choice(PAST)
    thing = add_article(rng, THINGS, rng.random() < 0.5)
    start, end = rng.choice(["now", "then", "today"]), rng.choice(["there", "again", "today", "then"])
    return f"{start} _ {verb} {thing}", f"the {noun} {verb} _ {end}", subject, object_


# Phenomenon -> the function that draws a couple. In those of NEIGHBOURS the word that decides stands beside the gap.
FRAMES: dict[str, Callable[[random.Random], Couple]] = {
    "subject-verb agreement": draw_agreement,
    "agreement across a phrase": draw_agreement_over_phrase,
    "agreement across a clause": draw_agreement_over_clause,
    "determiner and noun": draw_determiner,
    "determiner, adjective, noun": draw_determiner_over_adjective,
    "gender of a reflexive": draw_anaphor_gender,
    "number of a reflexive": draw_anaphor_number,
    "irregular forms": draw_irregular_form,
    "argument structure": draw_argument_structure,
    "negative polarity": draw_polarity,
    "filler and gap": draw_filler_gap,
    "ellipsis": draw_ellipsis,
    "quantifiers": draw_quantifier,
    "case of pronouns": draw_case,
}
NEIGHBOURS = ("subject-verb agreement", "determiner and noun", "argument structure", "case of pronouns")
