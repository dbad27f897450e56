"""The table of rules that find facts in Wikipedia summaries and phrase a question for each (see `questions.py`).

First come the parts that the regular expressions are made of, then the rules in four tables.
"""

import re
from typing import NamedTuple

MONTH = "(?:January|February|March|April|May|June|July|August|September|October|November|December)"
YEAR = r"(?:AD )?\d{3,4}\b(?!,\d| ?(?:km|m|ft|mi|kilo|square|met|mile|people|species|years))(?: (?:BCE?|AD|CE)\b)?"
DATE = rf"(?:(?:\d{{1,2}} )?{MONTH} (?:\d{{1,2}}, )?)?{YEAR}"
CAPITAL = "A-ZÀ-ÖØ-ÞĀĐĒĪŁŌŚŠŞȘŪŽİĆČ"
CAPITALIZED_WORD = rf"[{CAPITAL}](?:\.|[\w.'’&-]*\w)?"
PROPER_NAME = (
    rf"{CAPITALIZED_WORD}(?: (?:(?:de|van|von|der|den|of|the|la|le|di|da|del|al|ibn|bin) ){{0,2}}{CAPITALIZED_WORD})*"
)
PROPER_NAMES = rf"{PROPER_NAME}(?:(?:, {PROPER_NAME})*,? and {PROPER_NAME})?"
NATIONALITY = rf"[{CAPITAL}]\w+(?:ish|ian|an|ese|ch|eek|ai|iss|urk|qi|eli|ani|dic|mer)\b"
PHRASE_CHAR = r"[^,.;:()–—]"  # a character inside a phrase
PHRASE = (
    rf"{PHRASE_CHAR}+?(?=[.;:]| and (?:is|are|was|were|has|have)\b| \(|"
    r", (?:and|which|who|where|as|including|especially|particularly|but|while)\b)"
)
ENUMERATION = (
    r"[^.;:()]+?(?=[.;:(]|, (?:which|where|with|each|and (?:is|are|has|was)|but|though|while|fought)\b|"
    r" (?:that|which)\b| (?:between|from|in) \d)"
)
NAME_END = (  # the name ends here, so "Chinese" in "the Chinese province" is not one
    r"(?=$|[,.;:)]| \(| (?:and|by|to|in|on|at|as|from|during|with|for|into|between|where|which|that|who|through|until|"
    r"around|near|under|after|before|off|along|about|bordering|south|north|east|west)\b)"
)
NUMBER = r"(?:(?:about|around|approximately|over|nearly|almost|some|more than) )?\d[\d,.]*\d(?: (?:million|billion))?"
OFFICE_HELD = (
    rf"(?:the )?(?P<what>{PHRASE_CHAR}{{0,25}}\b(?i:president|minister|king|queen|emperor|empress|pope|sultan|duke|"
    rf"chancellor|governor|pharaoh|caliph|tsar|shah|leader|secretary|chairman|ruler|monarch)\b"
    rf"(?: {PHRASE_CHAR}{{0,40}}?)?)"
)
PRIZE_WON = (
    r"(?:won|received|was awarded|shared) (?:the|a) "
    rf"(?P<what>(?:{PROPER_NAME} )?(?:Prize|Award|Medal)(?: (?:in|for) {PROPER_NAME})?)"
)
PARTICIPLE = r"(?P<did>[a-z]+ed|built|written|made|won|held|sold|born|found|set up|put|begun|known)"
MAYBE_ADVERB = r"(?:(?:first|originally|formally|officially|finally|initially|publicly|later|also) )?"
IS_A_THING = rf"(?:is|are|was|were) an? {PHRASE_CHAR}{{0,60}}? "  # "is a board game (developed in 1903)"
MAYBE_MAKER = (  # "the French painter " before a name
    rf"(?:the )?(?:(?:Early |Ancient |ancient )?{NATIONALITY}(?: and {NATIONALITY})* )?"
    r"(?:(?:[a-z]+ )?(?:author|writer|novelist|poet|playwright|painter|composer|artist|band|musician|rapper|director|"
    r"philosopher|master|sculptor|architect|engineer|scientist|physicist|chemist|mathematician|company|studio|singer|"
    r"inventor|king|emperor|dramatist|astronomer|filmmaker|king|queen|president|group) )?"
)


class Rule(NamedTuple):
    """One way in which articles state a fact, and phrasings of the question that asks for it.

    `kind` names the fact; `topic` is the topic of the articles that it applies to ("": all). The group `a` of `pattern`
    is the answer. Its other groups fill the `questions`, in which {x} is the subject of the article, {is}, {was} and
    {do} agree with it in number, and {base} is the base form of the group `verb`.
    """

    kind: str
    topic: str
    pattern: str
    questions: str

    @property
    def phrasings(self) -> list[str]:
        """Each of the `questions`."""
        return re.findall(r"\S[^?]*\?", self.questions)


# Rules for what a sentence says after its subject, or from some later position on.
RULES = [
    Rule("occupation", "People",
         rf"^(?:is|was) an? (?:former )?(?:[{CAPITAL}][\w-]+(?:,? and |, |[- ]))*(?P<a>(?!member|king\b|emperor"
         r"|queen\b|series|son\b|daughter)[a-z][a-z-]+(?: [a-z-]+)??(?:(?:, (?!who|which|best|known|born|and)[a-z-]+"
         r"(?: [a-z-]+)??)*,? and (?!one|was|is)[a-z-]+(?: (?!who|one|whose)[a-z-]+)?)?)(?= who\b|, "
         r"(?:who|best|and one|and was|known|whose|widely)\b|\.|,? (?:known|active|best|noted|famous|from|regarded|of"
         r" the)\b)",
         "What was {x}'s occupation? What did {x} do for a living? What was {x} by profession? "
         "What was the profession of {x}? As what did {x} work?"),
    Rule("nation", "People", rf"^(?:is|was) an? (?:ancient |former )?(?P<a>{NATIONALITY}) (?:[{CAPITAL}][\w-]+ )?[a-z]",
         "What was {x}'s nationality? Of which nationality was {x}? From which country or people did {x} come?"),
    Rule("office", "People",
         rf"\bserved as (?:the )?(?P<a>{PHRASE_CHAR}+?) (?:from|between|since|in|until) (?:{MONTH}|{DATE})",
         "Which office did {x} hold? As what did {x} serve? What post did {x} have?"),
    Rule("term", "People",
         rf"\b(?:was|served as|is|reigned as) {OFFICE_HELD} (?P<a>from {DATE} (?:to|until) (?:h\w+ death in )?{DATE})",
         "When was {x} {what}? From when to when was {x} {what}? In which years was {x} {what}?"),
    Rule("begin", "People", rf"\b(?:was|served as|is|reigned as) {OFFICE_HELD} from (?P<a>{DATE})",
         "When did {x} become {what}? Since when was {x} {what}? In which year did {x} become {what}?"),
    Rule("end", "People", rf"\b(?:was|served as|is|reigned as) {OFFICE_HELD} (?:from {DATE} )?(?:to|until) "
         rf"(?:h\w+ death in )?(?P<a>{DATE})",
         "Until when was {x} {what}? When did {x} stop being {what}? In which year did {x}'s time as {what} end?"),
    Rule("prize", "People", PRIZE_WON.replace("what", "a"),
         "Which prize did {x} receive? What award was given to {x}? Which prize did {x} win? "
         "With which prize was {x} honoured?"),
    Rule("prize year", "People", rf"{PRIZE_WON} in (?P<a>{DATE})",
         "When did {x} receive the {what}? In which year did {x} win the {what}? When was {x} awarded the {what}?"),
    Rule("prize reason", "People", rf"{PRIZE_WON}(?: in {DATE})? for (?P<a>(?:his|her|their|the)\b{PHRASE})",
         "Why did {x} receive the {what}? For what was {x} given the {what}? What did {x} get the {what} for?"),
    Rule("known for", "", rf"(?:^|[.,] )(?:(?:is|are|was|were) )?(?:best |widely |primarily |chiefly |perhaps |mostly"
         rf" )*(?:known|famous|remembered|noted|renowned) for (?:being )?(?P<a>{PHRASE})",
         "What {is} {x} known for? What {is} {x} famous for? For what {is} {x} remembered? What made {x} well known?"),
    Rule("work year", "Arts", r"^is an? (?P<a>\d{4}) ",
         "In which year did {x} come out? When was {x} released? From which year is {x}? When did {x} first appear?"),
    Rule("director", "Arts", rf"\bdirected by (?P<a>{PROPER_NAMES})",
         "Who directed {x}? Who was the director of {x}? Who made the film {x}? Under whose direction was {x} made?"),
    Rule("author", "Arts", rf"^(?:is|are|was|were) (?:an?|the) {PHRASE_CHAR}{{0,60}}?(?:written|painted|composed|"
         rf"painting|novel|play|poem|book|opera|album|song|ballet|work|sculpture|fresco|story|symphony|tragedy|"
         rf"comedy) by {MAYBE_MAKER}(?P<a>{PROPER_NAME}){NAME_END}",
         "Who is the author of {x}? Who created {x}? By whom is {x}? Whose work is {x}? Which artist made {x}?"),
    Rule("actor", "Arts", rf"\bstars (?P<a>{PROPER_NAMES})(?= (?:as|in)\b|[,.])",
         "Who stars in {x}? Which actors play in {x}? Who acts in {x}?"),
    Rule("based on", "", rf"^(?:is|are|was|were) (?:loosely )?based on (?P<a>{PHRASE})",
         "What {is} {x} based on? On what {is} {x} based?"),
    Rule("country of", "Geography",
         rf"\b(?:U\.S\. |[a-z]+ )?(?:state|province|region|county|republic|federal subject) of (?P<a>{PROPER_NAME})",
         "In which state or province does {x} lie? To which state or province does {x} belong? "
         "Of which state or province is {x} a part?"),
    Rule("capital of", "Geography",
         rf"\bis the (?:[a-z]+ )*capital(?: city)?(?: and [a-z -]+)? of (?:the )?(?P<a>{PROPER_NAME})(?! [a-z]+ of\b)",
         "Of which country or state is {x} the capital? What is {x} the capital of? Whose capital is {x}?"),
    Rule("place", "Geography", rf"^(?:(?:is|are|was|lies|sits)\b{PHRASE_CHAR}{{0,60}}?) (?:in|on|off) "
         rf"(?P<a>(?:the )?(?:[a-z-]*(?:south|north|east|west|central)[\w-]* )?(?:(?:part|coast|corner|portion|side|"
         rf"shore|region|end|bank)s? of (?:the )?)?{PROPER_NAME}){NAME_END}",
         "Where is {x}? Where does {x} lie? In which part of the world is {x}? Where can {x} be found? "
         "Where is {x} located?"),
    Rule("capital", "Geography",
         rf"\b(?:capital|largest city)\b(?: and [a-z]+ city)?(?: city)?(?: of {PROPER_NAME})? is (?P<a>{PROPER_NAME})",
         "What is the capital of {x}? Which city is the capital of {x}? Which is the chief city of {x}?"),
    Rule("population", "Geography",
         rf"\bpopulation (?:of|was|is)(?: about| approximately| around| estimated at| over)? (?P<a>{NUMBER})",
         "How many people live in {x}? What is the population of {x}? How many inhabitants does {x} have? "
         "How big is the population of {x}?"),
    Rule("area", "Geography",
         rf"\b(?:area of|area is|covers?|covering)(?: an area of| a total area of)?(?: about| approximately| around| "
         rf"over| roughly)? (?P<a>{NUMBER} (?:square (?:kilomet\w+|miles)|km2|sq mi))",
         "How large is {x}? What is the area of {x}? What area does {x} cover? How much ground does {x} cover?"),
    Rule("length", "Geography", rf"\b(?:length of|stretches|is|runs|flows|travels)(?: about| approximately| around| "
         rf"over| for)* (?P<a>{NUMBER} (?:kilomet\w+|km|miles))(?: \([^)]*\))?(?: long|[,.]| from)",
         "How long is {x}? What is the length of {x}? How far does {x} go?"),
    Rule("height", "Geography", rf"\b(?:height of|elevation of|altitude of|rises to|summit at)"
         rf"(?: about| approximately| around| over)* (?P<a>{NUMBER} (?:met\w+|m|feet|ft))\b",
         "How high is {x}? What is the height of {x}? At what height above the sea is {x}?"),
    Rule("tributary", "Geography", rf"\btributary (?:river )?of the (?P<a>{PROPER_NAME})",
         "Into which river does {x} flow? Of which river is {x} a tributary?"),
    Rule("flows into", "Geography", rf"\b(?:flows|empties|drains|discharges) into (?P<a>(?:the )?{PROPER_NAME})",
         "Into what does {x} flow? Where does {x} end? What does {x} drain into?"),
    Rule("border", "Geography", rf"\bbordered (?:by|to the \w+ by) (?P<a>(?:the )?{PROPER_NAME})",
         "Which is a neighbour of {x}? What borders on {x}? Which country or region lies beside {x}?"),
    Rule("family", "Biology and health sciences", rf"\bfamily (?P<a>{CAPITALIZED_WORD}(?:ae|ini)\b)",
         "To which family {do} {x} belong? In which family {is} {x}? What family {is} {x} part of?"),
    Rule("order", "Biology and health sciences", rf"\border (?P<a>{CAPITALIZED_WORD})",
         "To which order {do} {x} belong? In which order {is} {x}? Which order {is} {x} part of?"),
    Rule("genus", "Biology and health sciences", rf"\bgenus (?P<a>{CAPITALIZED_WORD})",
         "To which genus {do} {x} belong? In which genus {is} {x}? Which genus {is} {x} part of?"),
    Rule("native", "Biology and health sciences", rf"\b(?:native|indigenous|endemic) to (?P<a>{ENUMERATION})",
         "Where {is} {x} native? Where {do} {x} come from? In which parts of the world {do} {x} live? "
         "What is the home of {x}?"),
    Rule("symbol", "Physical sciences", r"\b(?:symbol|sign) (?P<a>[A-Z][a-z]?)\b",
         "What is the symbol of {x}? Which letters stand for {x}? How is {x} abbreviated?"),
    Rule("number", "Physical sciences", r"\batomic number (?P<a>\d+)",
         "What is the atomic number of {x}? Which atomic number does {x} have? How many protons does {x} have?"),
    Rule("formula", "Physical sciences", r"\bformula (?P<a>[A-Z][A-Za-z0-9()]*\d[A-Za-z0-9()]*)",
         "What is the formula of {x}? Which chemical formula does {x} have?"),
    Rule("named after", "", rf"^(?:is|are|was|were) (?:\w+ )?named (?:after|for|in honou?r of) "
         rf"(?P<a>(?:the )?(?!her|him|it\b|them){PHRASE})",
         "After whom or what {is} {x} named? Where does the name of {x} come from? What gave {x} the name?"),
    Rule("cause", "", rf"^(?:is|are|was|were) (?:\w+ )?caused by (?P<a>{PHRASE})",
         "What causes {x}? What {is} {x} caused by? What leads to {x}? Why {do} {x} happen?"),
    Rule("use", "", rf"^(?:is|are) (?:(?!not\b)\w+ )?used (?P<a>(?:for|to|as) {PHRASE})",
         "What {is} {x} used for? For what do people use {x}? What can {x} be used for?"),
    Rule("made of", "", rf"^(?:is|are) (?:\w+ )?(?:made|composed|formed|made up) (?:of|from) (?P<a>{ENUMERATION})",
         "What {is} {x} made of? Of what {do} {x} consist? What {is} {x} composed of?"),
    Rule("parts", "", rf"^(?:\w+ )?consists? of (?P<a>{ENUMERATION})",
         "What {do} {x} consist of? What are the parts of {x}? What makes up {x}?"),
    Rule("contains", "", rf"^(?:includes?|contains?|comprises|encompass(?:es)?) (?P<a>{ENUMERATION})",
         "What {do} {x} include? What {do} {x} contain? What belongs to {x}?"),
    Rule("derived", "", rf"^(?:(?:is|are|was|were|can be|has) )?(?:\w+ )?(?:derived|originated|evolved|descended|"
         rf"developed|obtained|extracted) from (?P<a>{PHRASE})",
         "What {is} {x} derived from? From what did {x} develop? What {do} {x} come from?"),
    Rule("defined by", "", rf"^(?:is|are|was|were){PHRASE_CHAR}{{0,60}}? characteri[sz]ed by (?P<a>{ENUMERATION})",
         "What {is} {x} characterized by? What is typical of {x}? By what can {x} be recognized?"),
    Rule("study", "", rf"^is (?:the (?:scientific )?study of|(?:the|a) (?:branch|field) of {PHRASE_CHAR}{{0,40}}? "
         rf"(?:that|which|concerned) (?:studies|concerns|deals with|with)) (?P<a>{PHRASE})",
         "What does {x} study? What is {x} about? With what does {x} deal?"),
    Rule("fought", "History",
         rf"\b(?:fought|conflicts?|war|battle)\b{PHRASE_CHAR}{{0,30}}? between (?P<a>(?!\d){ENUMERATION})",
         "Who fought in {x}? Between whom was {x}? Who were the two sides in {x}?"),
    Rule("lasted", "History",
         rf"^{PHRASE_CHAR}{{0,60}}?\b(?:lasted|fought|existed|ruled|reigned|took place|lasting|flourished|raged|ran) "
         rf"(?P<a>from (?:about )?{DATE} (?:to|until) (?:about )?{DATE}|between {DATE} and {DATE})",
         "From when to when did {x} last? How long did {x} go on? In which years was {x}?"),
    Rule("happened", "History",
         rf"\b(?:took place|occurred|fought|happened)\b{PHRASE_CHAR}{{0,40}}? (?:on|in) (?P<a>{DATE})",
         "When did {x} take place? When was {x}? In which year was {x}?"),
    Rule("by whom", "", rf"^(?:(?:is|are|was|were) |{IS_A_THING}){MAYBE_ADVERB}(?P<did>founded|established|created|"
         rf"invented|discovered|introduced|designed|developed|built|proposed|coined|commissioned|described|published|"
         rf"painted|composed|formulated|produced|named|led|conquered|ruled|popularized|pioneered|formed|patented)"
         rf"(?: (?:in|on) (?:the )?(?:{DATE}|{PROPER_NAME})| at {PROPER_NAME}){{0,2}} by {MAYBE_MAKER}"
         rf"(?P<a>{PROPER_NAMES}){NAME_END}",
         "Who {did} {x}? By whom was {x} {did}? Which person or people {did} {x}?"),
    Rule("passive year", "",
         rf"^(?:(?:was|were) |{IS_A_THING}){MAYBE_ADVERB}{PARTICIPLE}(?P<more>(?: (?!in\b|on\b|by\b|"
         rf"and\b)[\w'-]+){{0,5}})(?: by {MAYBE_MAKER}{PROPER_NAMES})? (?:in|on) (?P<a>{DATE})",
         "When {was} {x} {did}{more}? In which year {was} {x} {did}{more}? At what time {was} {x} {did}{more}?"),
    Rule("passive place", "", rf"^(?:was|were) {MAYBE_ADVERB}{PARTICIPLE}(?: (?:in|on) {DATE})? (?:in|at) "
         rf"(?P<a>(?!{MONTH})(?:the )?{PROPER_NAME}){NAME_END}",
         "Where {was} {x} {did}? In which place {was} {x} {did}? At which place {was} {x} {did}?"),
    Rule("when did", "",
         rf"^(?P<verb>[a-z]+)(?P<more>(?: {PHRASE_CHAR}{{1,60}}?)?) (?:in|on) (?P<a>{DATE})(?=[,.;]| and| for|$)",
         "When did {x} {base}{more}? In which year did {x} {base}{more}? At what time did {x} {base}{more}?"),
    Rule("what did", "", rf"^(?P<verb>[a-z]+) (?P<a>(?:the|an?|his|her|its|their|several|many|two|three) "
         rf"{PHRASE_CHAR}+?)(?= (?:in|on) {DATE}|[.;]|, (?:which|where|who)\b| and \w+ed\b| and "
         rf"(?:became|made|won|wrote|led)\b)(?P<more>(?: (?:in|on) {DATE})?)",
         "What did {x} {base}{more}? What was it that {x} {verb}{more}?"),
    Rule("where did", "", rf"^(?P<verb>moved|emigrated|fled|went|returned) to (?P<a>(?:the )?{PROPER_NAME}){NAME_END}",
         "Where did {x} {base} to? To which place did {x} {base}?"),
    Rule("studied", "People", rf"^(?:\w+ )?(?:studied|educated|graduated|taught)(?: {PHRASE_CHAR}{{1,30}}?)? "
         rf"(?:at|from) (?P<a>(?:the )?{PROPER_NAME})",
         "Where did {x} study or teach? At which school or university was {x}?"),
    Rule("died", "People",
         rf"^(?:\w+ )?(?:died|killed|assassinated|executed|beheaded)\b[^.;]{{0,30}}? (?:in|on) (?P<a>{DATE})",
         "When did {x} die? In which year did {x} die? When did the life of {x} end?"),
    Rule("what", "", r"^(?:is|are|was|were) (?P<a>(?:an?|the|any) (?!(?:area|practice|term|name|process|place|state|"
         r"way|form|group|type|use|period|person|act|part)\b(?! of\b))[^;,:()]+?)(?=[;:(]|\.(?:\s|$)|, "
         r"(?:which|who|where|with|usually|often|especially|such|known|whose|in|and (?:the|is|was|are|has))\b|, "
         r"\w+ed\b| (?:(?:\w+ly |best )?(?:that|which|who|whose|where|when|used|written|made|found|known)|consisting|"
         r"with|by)\b| in which\b| (?:\w+ly |best |first )?\w+ed (?:and \w+ed )?(?:by|with|within|in|into|to|from|"
         r"for|as|on|at|under|between)\b)",
         "What {is} {x}? What kind of thing is {x}? How can {x} be defined? What is meant by {x}?"),
]  # fmt: skip

# Rules for a whole sentence, searched from its start.
SENTENCE_RULES = [
    Rule("born place", "People", rf"^Born (?:(?:in|on) {DATE} )?(?:to [^,]+ )?(?:and raised )?(?:in|at) "
         rf"(?P<a>(?!{MONTH}){PROPER_NAME}(?:, {PROPER_NAME})?)",
         "Where was {x} born? What is the birthplace of {x}? In which place was {x} born? "
         "Where did {x} come into the world?"),
    Rule("born year", "People", rf"^Born (?:in|on) (?P<a>{DATE})", "When was {x} born? In which year was {x} born?"),
    Rule("other name", "", r"^[^.;()]{1,60}?,? (?:also|sometimes|often|commonly|better|popularly|formerly|previously|"
         r"originally) (?:known as|called|named|spelled|spelled as|spelt|referred to as) (?:the )?"
         r"(?P<a>[^,.;()]{2,50}?)(?=[,(]| (?:or|is|are|was|were|and)\b)",
         "What else {is} {x} called? What is another name of {x}? Which other name {do} {x} have? "
         "By which name {is} {x} also known?"),
    Rule("official name", "", r"^[^.;()]{1,60}?, officially (?:known as |called )?(?P<a>(?:the )?[^,.;()]{2,50}?)"
         r"(?=[,(]| (?:is|are|was|were)\b)",
         "What is the official name of {x}? What {is} {x} called officially?"),
]  # fmt: skip

# Past forms of verbs and their base forms. Rules with a group `verb` apply to these verbs only.
VERBS = (  # the past form too where it is irregular
    "became:become receive won:win wrote:write made:make began:begin led:lead held:hold found join move publish "
    "develop succeed establish gain create produce reach introduce conquer complete invent coin compose marry enter "
    "design defeat built:build took:take gave:give discover declare sign invade lost:lose die retire resign "
    "left:leave fled:flee went:go return emigrate settle ascend assume achieve earn release premiere open launch "
    "adopt propose formulate describe demonstrate start end cease capture annex unite abolish set:set sold:sell merge "
    "split:split broke:break play appear starred:star direct record paint taught:teach study graduate convert command "
    "fought:fight rule reign emerge originate occurred:occur host pass celebrate acquire obtain replace expand "
    "arose:arise rose:rise fell:fall serve help came:come found:find cross sail explore isolate observe perform "
    "present experience suffer overthrew:overthrow seize restore grant hit:hit"
)
BASE_FORMS = {
    past or re.sub("e?$", "ed", re.sub("(?<![aeiou])y$", "i", base), count=1): base
    for past, base in re.findall(r"(?:(\w+):)?(\w+)", VERBS)
}

# Questions that an article leaves unanswered if it does not contain the pattern (in upper or lower case).
UNANSWERED_RULES = [
    Rule("born year", "People", r"born|birth|\d{3,4}\s*[–-]\s*\d", "When was {x} born? In which year was {x} born?"),
    Rule("born place", "People", "born|birth|native|raised|grew|from",
         "Where was {x} born? What is the birthplace of {x}? In which place was {x} born?"),
    Rule("died", "People", r"\bdie|death|kill|assassin|execut|murder|until|\d{3,4}\s*[–-]\s*\d",
         "When did {x} die? In which year did {x} die? How did {x} die?"),
    Rule("married", "People", "marri|wife|husband|wed|consort|queen|spouse",
         "Whom did {x} marry? Who was married to {x}?"),
    Rule("prize", "People", "prize|award|medal|honou?r|won|laureate",
         "Which prize did {x} receive? With which prize was {x} honoured?"),
    Rule("studied", "People", "stud|educat|universit|school|college|taught|professor|academ",
         "Where did {x} study or teach? At which school or university was {x}?"),
    Rule("known for", "People", "known|famous|remember|noted|renown|best|celebrat|important|influen|regarded|consider",
         "What {is} {x} known for? What {is} {x} famous for?"),
    Rule("population", "Geography", "populat|inhabit|people|resident|million|home to",
         "How many people live in {x}? What is the population of {x}?"),
    Rule("area", "Geography", "km|kilomet|square|mile|acre|hectare|area",
         "How large is {x}? What is the area of {x}? What area does {x} cover?"),
    Rule("height", "Geography", r"metre|meter|feet|\bft|high|elevation|altitude|\bm\b",
         "How high is {x}? What is the height of {x}? At what height above the sea is {x}?"),
    Rule("by whom", "Geography", "found|establish|settle|coloni|built|creat|independ",
         "Who founded {x}? By whom was {x} founded? When was {x} founded?"),
    Rule("author", "Arts", r"\bby\b|writ|wrote|paint|compos|creat|author|film|'s ",
         "Who is the author of {x}? By whom is {x}? Who created {x}?"),
    Rule("family", "Biology and health sciences", "famil|idae|aceae|inae",
         "To which family {do} {x} belong? In which family {is} {x}?"),
    Rule("native", "Biology and health sciences",
         "nativ|endemic|indigen|found|origin|distribut|Africa|America|Asia|Europe|Australia|world|live|inhabit",
         "Where {is} {x} native? Where {do} {x} come from?"),
    Rule("cause", "Biology and health sciences", "caus|due to|result|lead|because|infect|produc",
         "What causes {x}? What {is} {x} caused by?"),
    Rule("weight", "Biology and health sciences", r"\bkg\b|kilogram|weigh|pound|year|lifespan|gram",
         "How old can {x} become? What is the weight of {x}?"),
    Rule("by whom", "Physical sciences",
         "discover|found|observ|describ|named|isolat|propos|by [A-Z]|invent|formulat|develop|introduc",
         "Who discovered {x}? By whom was {x} discovered? When was {x} discovered?"),
    Rule("by whom", "Technology", r"invent|develop|creat|first|design|patent|by [A-Z]|built|introduc|century|\d{4}",
         "Who invented {x}? By whom was {x} invented? When was {x} invented?"),
    Rule("use", "Technology", r"\bus(?:e|ed|es|ing|eful|age|er|ers)\b|employ|appl|serve|purpose|utili|for",
         "What {is} {x} used for? For what do people use {x}?"),
    Rule("made of", "Everyday life", "made|compos|consist|compris|contain|includ|form|material|consti|part|ingredient",
         "What {is} {x} made of? Of what {do} {x} consist?"),
    Rule("named after", "", "name|called|deriv|term|eponym|etymol|word|Latin|Greek|refer",
         "After whom or what {is} {x} named? Where does the name of {x} come from?"),
    Rule("happened", "History", r"\d{3}|centur|beg[aiu]n|start|BC|era|period|age",
         "When did {x} begin? In which year did {x} begin?"),
]  # fmt: skip
