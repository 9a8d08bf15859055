"""Whether a sentence has a name: as a word of its own, not inside another word and not inside a person's name.

Words come from jieba's dictionary, without its guesses: a guess may join any two words, a dictionary knows 最美 and 豆腐渣.
Guesses are only asked about people: a word inside of what looks like a person's name is not that word.
"""

import re
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import Final, NamedTuple

import rjieba

from lutong_registry.search.domain.text import is_han, is_unspaced, key_of, runs
from lutong_registry.search.domain.titles import NAME_CHARACTERS_MAX

NAME_WORDS_MAX: Final = 24
"""A name in a post is no longer, nor than `NAME_CHARACTERS_MAX`."""

START: Final = 3
"""Characters by which names are looked for first."""

_SURNAMES: Final = frozenset(
    "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许何吕施张孔曹严华金魏陶姜戚谢邹喻柏水窦章云苏潘葛奚范彭郎鲁韦昌马苗凤花方俞任袁柳"
    "鲍史唐费廉岑薛雷贺倪汤滕殷罗毕郝邬安常乐于时傅皮卞齐康伍余元卜顾孟平黄和穆萧尹姚邵湛汪祁毛禹狄米贝明臧计伏成戴谈宋茅庞熊纪舒屈项祝董"
    "梁杜阮蓝闵席季麻强贾路娄危江童颜郭梅盛林刁钟徐邱骆高夏蔡田樊胡凌霍虞万支柯管卢莫经房裘缪干解应宗丁宣邓郁单杭洪包诸左石崔吉龚程嵇邢裴陆"
    "荣翁荀羊甄曲家封芮储靳段焦巴弓牧山谷车侯班仰秋仲伊宫宁仇栾甘厉祖武符刘景詹束龙叶幸司黎蒲印宿白怀邰从索赖卓蔺屠蒙池乔胥闻党翟谭劳姬申冉雍桑"
    "桂濮牛寿通边扈燕冀浦尚农温别庄晏柴瞿阎连习容向古易廖庾终暨居衡步都耿满弘匡国文寇广禄东欧殳沃利蔚越隆师巩聂晁勾敖融冷訾辛阚那简饶曾沙养鞠须丰"
    "关蒯相查红游竺权益桓公肖"
)
_TRANSCRIBED: Final = frozenset(
    "阿艾埃奥巴贝比波布达德蒂丁多恩尔法菲费弗盖戈格古哈赫霍吉加杰卡凯科克库拉莱兰雷里利卢鲁伦罗曼米莫姆木纳奈内尼诺欧帕佩皮普奇乔切萨塞沙什斯苏索塔泰特提托瓦维沃乌西希谢亚耶伊尤泽扎买热依孜"
)
"""Characters that write foreign names by their sound: 沙拉 before 木 is part of one."""


_PARTS: Final = re.compile(r"[0-9]+|[^0-9]+")
"""A model's number is a word of its own: iPhone15 names an iPhone."""

_MODEL: Final = re.compile(r"[a-z]+[0-9]{1,3}(?![0-9])|[0-9]{1,3}(?![0-9元块年月日天人岁分秒个万亿次名家台只%])")
"""Just after a name: what follows counts nothing, and is no year."""

_DENIED: Final = re.compile(r"(?:没有?|不要|不能|不会|不想|不用|不是|不得|禁止|拒绝|别再|而不|并非).{0,6}$")
"""Just before a name: 也没听演唱会 is about something else."""

_LAUNCH: Final = re.compile("(?:推出|研发|发明|进军|跨界|入局).{0,8}$")
"""Just before a name: another brand sells it now."""

_ACTS: Final = frozenset("吃喝送做煮点拿穿卖抢偷玩砸扔")
"""What people do with something: 王鹤棣吃汉堡 is about who does it."""

_SUFFIXES: Final = frozenset("员哥姐师者族壳节")
"""They make a word of another: 外卖员 is a person, 汉堡节 a feast."""

_STORY: Final = re.compile(
    "偶遇|专家称|[被遭](?![子套罩单褥芯])|[男女](?:子|生|孩|童)(?![健篮足排单双团乐监专装鞋宿])|小伙|大爷|大妈|新娘|新郎|网友|博主"
    "|^建议(?!收藏|转发|大家|保存)"
)
"""What befell a person, or one without a name, as in the news; and a proposal, which is not there yet."""

_NOUNS: Final = frozenset({"n", "nz", "nrt", "nt", "ng"})
_DEGREES: Final = frozenset("最超很太真好更挺多绝巨贼")
"""Before what ends in 的 they make it an adjective: 超美的 is not 美的."""


class Span(NamedTuple):
    """Where something stands in a sentence: from `begin` to before `end`."""

    begin: int
    end: int


class _Stretch(NamedTuple):
    """Where a name may begin in a key, and where it may end."""

    begin: int
    ends: Sequence[int]


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence with its words, the people and places in it, and where its nouns begin."""

    text: str
    words: tuple[Span, ...]
    people: tuple[Span, ...]
    nouns: frozenset[int] = frozenset()
    places: tuple[Span, ...] = ()
    key: str = ""
    """The text without what separates its runs: a name that is not in it need not be looked for."""
    ends: tuple[int, ...] = ()
    """Where words end in the key."""

    @property
    def starts(self) -> Iterator[str]:
        """How the stretches that may be a name begin, up to `START` characters of each."""
        for begin, ends in self._stretches():
            for end in ends:
                if end - begin > 1:
                    yield self.key[begin : min(end, begin + START)]
                if end - begin >= START:
                    break

    def spans(self, starts: Container[str]) -> Iterator[str]:
        """Every stretch that may be a name, of those that begin like this. Without what separates its runs."""
        for begin, ends in self._stretches():
            may_be_long = self.key[begin : begin + START] in starts
            for end in ends:
                if end - begin >= START and not may_be_long:
                    break
                if 1 < end - begin <= NAME_CHARACTERS_MAX and self.key[begin : min(end, begin + START)] in starts:
                    yield self.key[begin:end]

    def _stretches(self) -> "Iterator[_Stretch]":
        """At words, and from inside of one to its end: see `_is_word`."""
        for first, (begin, end) in enumerate(pairwise((0, *self.ends))):
            yield _Stretch(begin, self.ends[first : first + NAME_WORDS_MAX])
            for inside in range(begin + 1, end - 1):
                yield _Stretch(inside, (end,))


@lru_cache(maxsize=4096)
def read(text: str) -> Sentence:
    """A plain sentence, read."""
    tagged = list(_tagged(text))
    people = (span for span, kind in tagged if kind == "nr" and 2 <= span.end - span.begin <= 4)
    nouns = frozenset(span.begin for span, kind in tagged if kind in _NOUNS)
    parts = [part for word in rjieba.cut(text, hmm=False) for part in _PARTS.findall(word)]
    named = tuple(span for span in people if text[span.begin] in _SURNAMES)
    keys = [key_of(part) for part in parts]
    places = tuple(span for span, kind in tagged if kind == "ns")
    return Sentence(text, tuple(_spans(parts)), named, nouns, places, "".join(keys), tuple(accumulate(map(len, keys))))


def names(sentence: Sentence, name: str) -> bool:
    """Whether a sentence has a plain name as a word.

    >>> names(read("豆腐渣工程"), "豆腐"), names(read("麻婆豆腐"), "豆腐"), names(read("住房公积金新政策"), "公积金")
    (False, True, True)
    """
    if key_of(name) not in sentence.key:
        return False
    hits = (Span(*hit.span()) for hit in _written(name).finditer(sentence.text))
    return any(_is_word(sentence, hit) and not _DENIED.search(sentence.text[: hit.begin]) for hit in hits)


def share_of(sentence: Sentence, name: str) -> float:
    """How much of a sentence a plain name is. A Chinese character counts as much as a Latin word or a number.

    >>> share_of(read("BLACKPINK澳门演唱会"), "演唱会"), share_of(read("男孩吃火锅时发现作业没写"), "火锅")
    (0.5, 0.16666666666666666)
    """
    return _units(name) / max(1, _units(sentence.text))


def _units(text: str) -> int:
    return sum(len(run) if is_unspaced(run) else 1 for run in runs(text))


def is_a_story(sentence: Sentence) -> bool:
    """Whether a sentence is about what happened to someone: nobody is asked to come, there."""
    return _STORY.search(sentence.text) is not None


def describes(sentence: Sentence, name: str) -> bool:
    """Whether a plain name only describes the noun after it, or what is done with it: 外卖小哥 and 送外卖 are about people."""
    hits = [Span(*hit.span()) for hit in _written(name).finditer(sentence.text)]
    return all(
        hit.end in sentence.nouns
        or sentence.text[hit.end : hit.end + 1] in _SUFFIXES
        or sentence.text[hit.begin - 1 : hit.begin] in _ACTS
        or _LAUNCH.search(sentence.text[: hit.begin])
        or (sentence.people and sentence.text[hit.begin - 1 : hit.begin] == "的")
        for hit in hits
    )


def frames(sentence: Sentence, name: str) -> bool:
    """Whether a sentence begins or ends with a plain name."""
    key, whole = key_of(name), key_of(sentence.text)
    return whole.startswith(key) or whole.endswith(key)


def is_a_model(sentence: Sentence, name: str) -> bool:
    """Whether a plain name goes on as a model or version does.

    >>> is_a_model(read("荣耀300"), "荣耀"), is_a_model(read("京东60元"), "京东"), is_a_model(read("淘宝2024"), "淘宝")
    (True, False, False)
    """
    return any(_MODEL.match(sentence.key, hit.end()) for hit in re.finditer(re.escape(key_of(name)), sentence.key))


def ends_a_clause(sentence: Sentence, name: str) -> bool:
    """Whether a clause ends with a plain name, or with a place after it: 演唱会北京 does, 演唱会vlog and 演唱会某某 do not."""
    ends = [hit.end() for hit in _written(name).finditer(sentence.text)]
    places = {place.begin: place.end for place in sentence.places}
    ended = (places.get(end, end) for end in ends)
    return any(not sentence.text[end : end + 1].isalnum() for end in ended)


def begins(sentence: Sentence, name: str) -> bool:
    """Whether a clause begins with a plain name, or with a word that ends in it: 荣耀300 does, 黑暗荣耀 does not."""
    hits = [Span(*hit.span()) for hit in _written(name).finditer(sentence.text)]
    ends = {word.end: word.begin for word in sentence.words}
    begun = (min(hit.begin, ends.get(hit.end, hit.begin)) for hit in hits)
    return any(not sentence.text[:begin][-1:].isalnum() for begin in begun)


def _is_word(sentence: Sentence, at: Span) -> bool:
    """It ends where a word ends, and begins where one begins, or is the end of one: 考驾照 is about 驾照, 豆腐渣 not about 豆腐."""
    if any(_is_part_of(at, person) for person in sentence.people):
        return False
    last = next((word for word in sentence.words if word.end == at.end), None)
    if last is None or _is_transcribed(sentence, at) or _is_an_adjective(sentence.text, at):
        return False
    return any(word.begin == at.begin for word in sentence.words) or last.begin < at.begin


def _is_part_of(at: Span, person: Span) -> bool:
    """Whether a word shares characters with a person's name that goes on beyond it."""
    meets = person.begin < at.end and at.begin < person.end
    return meets and (person.begin < at.begin or at.end < person.end)


def _is_an_adjective(text: str, at: Span) -> bool:
    return text[at.end - 1] == "的" and at.begin > 0 and text[at.begin - 1] in _DEGREES


def _is_transcribed(sentence: Sentence, at: Span) -> bool:
    """Whether a word goes on as a foreign name does: its characters, and the single one after it, only stand for sounds."""
    after = next((word for word in sentence.words if word.begin == at.end), None)
    here = sentence.text[at.begin : at.end]
    return after is not None and after.end - after.begin == 1 and set(here + sentence.text[at.end]) <= _TRANSCRIBED


def share_a_run(first: str, second: str, characters: int) -> bool:
    """Whether two texts have a stretch of so many characters in common."""
    return any(first[begin : begin + characters] in second for begin in range(len(first) - characters + 1))


def is_short_for(short: str, name: str) -> bool:
    """Whether a name has the characters of another one, in order: 东航 is short for 东方航空."""
    rest = iter(name)
    return all(char in rest for char in short)


def shares_a_character(first: str, second: str) -> bool:
    """Whether two names have a Chinese character in common: what belongs together is usually named alike."""
    return any(is_han(char) and char in second for char in first)


@lru_cache(maxsize=65536)
def _written(name: str) -> re.Pattern[str]:
    """A plain name as it may stand in a text: between its runs there may be a little that separates."""
    parts = runs(name)
    return re.compile(r"\W{0,3}".join(map(re.escape, parts)) if parts else r"(?!)")


def _spans(words: list[str]) -> Iterator[Span]:
    begin = 0
    for word in words:
        yield Span(begin, begin + len(word))
        begin += len(word)


class _Tagged(NamedTuple):
    """A word of a text, and what kind of word it is: `nr` is a person's name."""

    span: Span
    kind: str


def _tagged(text: str) -> Iterator[_Tagged]:
    begin = 0
    for word, kind in rjieba.tag(text):
        yield _Tagged(Span(begin, begin + len(word)), kind)
        begin += len(word)
