"""The verticals that accounts write about, and the months that reads are counted in. Pure: no clock, no database."""

from datetime import date, datetime, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

_SHANGHAI: Final = ZoneInfo("Asia/Shanghai")


class Vertical(NamedTuple):
    """What an account writes about, as it is named in both languages."""

    vertical: str
    en: str
    zh: str


VERTICALS: Final = tuple(
    Vertical(*each)
    for each in (
        ("finance", "Finance", "财经"),
        ("stocks", "Stocks", "股市"),
        ("insurance", "Insurance", "保险"),
        ("technology", "Technology", "科技"),
        ("digital", "Digital products", "数码"),
        ("internet", "Internet", "互联网"),
        ("science", "Science", "科普"),
        ("aerospace", "Aerospace", "航空航天"),
        ("military", "Military", "军事"),
        ("history", "History", "历史"),
        ("culture", "Culture", "文化"),
        ("folklore", "Folklore", "民俗"),
        ("religion", "Religion", "宗教"),
        ("news", "News media", "媒体"),
        ("government", "Government services", "政务"),
        ("law", "Law", "法律"),
        ("charity", "Charity", "公益"),
        ("environment", "Environment", "环保"),
        ("agriculture", "Agriculture", "三农"),
        ("weather", "Weather", "气象"),
        ("transport", "Transport", "交通"),
        ("cars", "Cars", "汽车"),
        ("real_estate", "Real estate", "房产"),
        ("home", "Home", "家居"),
        ("local_life", "Local life", "本地生活"),
        ("food", "Food", "美食"),
        ("travel", "Travel", "旅游"),
        ("hotels", "Hotels", "酒店"),
        ("photography", "Photography", "摄影"),
        ("fashion", "Fashion", "时尚"),
        ("beauty", "Beauty", "美妆"),
        ("jewellery", "Jewellery", "珠宝"),
        ("parenting", "Parenting", "母婴育儿"),
        ("health", "Health", "健康医疗"),
        ("wellness", "Wellness", "养生"),
        ("fitness", "Fitness", "健身"),
        ("sports", "Sports", "体育"),
        ("football", "Football", "足球"),
        ("basketball", "Basketball", "篮球"),
        ("running", "Running", "跑步"),
        ("outdoors", "Outdoors", "户外"),
        ("games", "Games", "游戏"),
        ("esports", "Esports", "电竞"),
        ("anime", "Anime and comics", "动漫"),
        ("film", "Film", "电影"),
        ("series", "Series", "电视剧"),
        ("variety", "Variety shows", "综艺"),
        ("music", "Music", "音乐"),
        ("dance", "Dance", "舞蹈"),
        ("theatre", "Theatre", "戏剧曲艺"),
        ("celebrities", "Celebrities", "明星"),
        ("humour", "Humour", "搞笑"),
        ("short_video", "Short video", "短视频"),
        ("relationships", "Relationships", "情感"),
        ("psychology", "Psychology", "心理"),
        ("horoscopes", "Horoscopes", "星座"),
        ("pets", "Pets", "萌宠"),
        ("gardening", "Gardening", "园艺"),
        ("art", "Art", "艺术"),
        ("design", "Design", "设计"),
        ("collecting", "Collecting", "收藏"),
        ("crafts", "Crafts", "手工"),
        ("books", "Books", "读书"),
        ("education", "Education", "教育"),
        ("careers", "Careers", "职场"),
        ("commerce", "Commerce", "电商"),
    )
)
"""All sixty-six. A name, once given, stays; one that is added comes last."""
NAMES: Final = frozenset(each.vertical for each in VERTICALS)


def month_of(moment: datetime) -> date:
    """The month of Asia/Shanghai that a moment is in, by its first day.

    >>> from datetime import UTC
    >>> month_of(datetime(2026, 11, 30, 16, tzinfo=UTC))
    datetime.date(2026, 12, 1)
    """
    return moment.astimezone(_SHANGHAI).date().replace(day=1)


def is_final(month: date, now: datetime, late: timedelta) -> bool:
    """Whether nothing of a month can be reported any more.

    >>> from datetime import UTC
    >>> is_final(date(2026, 11, 1), datetime(2026, 12, 5, tzinfo=UTC), timedelta(days=7))
    False
    """
    after = (month + timedelta(days=31)).replace(day=1)
    return now >= datetime(after.year, after.month, 1, tzinfo=_SHANGHAI) + late
