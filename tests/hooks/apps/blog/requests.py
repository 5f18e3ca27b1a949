"""A blog: slugs, validation, a work flow, moderated replies, computed and hidden fields."""

from tests.oracle.harness import case
from tests.oracle.rows import ident

ARTICLES = "/api/collections/articles/records"
REPLIES = "/api/collections/replies/records"
NEWS, HOWTO = ident("cat0"), ident("cat1")
BODY = "<p>Once upon a time there was <b>a server</b> that ran scripts &amp; rules, and it ran and ran and ran.</p>"


def article(name: str, **values: object) -> dict[str, object]:
    return {"id": ident(name), "title": "Hello, World", "body": BODY, "category": NEWS, **values}


CASES = [
    case("GET", "/api/collections/articles", as_="super"),
    case("GET", "/api/collections/replies", as_="super"),
    case("GET", "/api/collections/categories/records"),
    case("POST", ARTICLES, json=article("art1")),
    case("POST", ARTICLES, as_="user3", json=article("art1")),
    case("POST", ARTICLES, as_="user1", json=article("art1", status="published")),
    case("POST", ARTICLES, as_="user1", json=article("art1", meta={"lang": "en", "n": 1.50}, editorNotes="psst")),
    case("POST", ARTICLES, as_="user1", json=article("art2", title="Hello -- world!")),
    case("POST", ARTICLES, as_="user1", json=article("art3", title="Größe & Maß", slug="Ünique Slug", author="x")),
    case("POST", ARTICLES, as_="user2", json=article("art4", title="日本語", status="published", category=HOWTO)),
    case("POST", ARTICLES, as_="user2", json=article("art5", title="No category", status="published", category="")),
    case("POST", ARTICLES, as_="user2", json=article("art5", title="Wow!!", body="<p>short</p>")),
    case("POST", ARTICLES, as_="user2", json=article("art5", title="x", body="")),
    case("POST", ARTICLES, as_="user2", json=article("art5", title="Chosen", excerpt="Mine", status="review")),
    case("GET", ARTICLES, query={"sort": "slug"}),
    case("GET", ARTICLES, as_="user1", query={"sort": "slug"}),
    case("GET", ARTICLES, as_="user2", query={"sort": "slug", "expand": "author,category"}),
    case("GET", ARTICLES, as_="super", query={"sort": "-slug", "fields": "slug,minutes,replyCount,editorNotes"}),
    case("PATCH", f"{ARTICLES}/{ident('art1')}", as_="user1", json={"slug": "other"}),
    case("PATCH", f"{ARTICLES}/{ident('art1')}", as_="user1", json={"status": "review"}),
    case("PATCH", f"{ARTICLES}/{ident('art1')}", as_="user1", json={"title": "Hello, you", "category": HOWTO}),
    case("PATCH", f"{ARTICLES}/{ident('art1')}", as_="user3", json={"title": "Stolen"}),
    case("PATCH", f"{ARTICLES}/{ident('art1')}", as_="user2", json={"status": "published"}),
    case("POST", f"/blog/articles/{ident('art1')}/publish"),
    case("POST", f"/blog/articles/{ident('art1')}/publish", as_="clerk"),
    case("POST", f"/blog/articles/{ident('art1')}/publish", as_="user1"),
    case("POST", f"/blog/articles/{ident('art1')}/publish", as_="user2"),
    case("POST", f"/blog/articles/{ident('art1')}/publish", as_="user2"),
    case("POST", f"/blog/articles/{ident('nope')}/publish", as_="user2"),
    case("GET", f"{ARTICLES}/{ident('art1')}"),
    case("GET", f"{ARTICLES}/{ident('art1')}", as_="user1"),
    case("GET", f"{ARTICLES}/{ident('art2')}"),
    case("GET", f"{ARTICLES}/{ident('art1')}", as_="super"),
    case("GET", "/blog/feed.xml"),
    case("HEAD", "/blog/feed.xml"),
    case("GET", "/blog/hello-world", unordered=True),
    case("GET", "/blog/hello-world-2"),
    case("GET", "/blog/search/articles"),
    case("GET", "/blog/search/articles?q=server+hello"),
    case("GET", "/blog/search/articles?q=hello", as_="user1"),
    case("GET", "/blog/archive/months", unordered=True),
    case("POST", REPLIES, as_="user1", json={"id": ident("rep1"), "article": ident("art1"), "text": "Well said"}),
    case("POST", REPLIES, as_="user2", json={"id": ident("rep2"), "article": ident("art1"), "text": "Unverified"}),
    case("POST", REPLIES, as_="user3", json={"article": ident("art1"), "text": "casino lottery viagra"}),
    case("POST", REPLIES, as_="user3", json={"article": ident("art1"), "text": "A casino", "score": 0}),
    case("POST", REPLIES, as_="user3", json={"article": ident("art2"), "text": "I can't see it"}),
    case("POST", REPLIES, as_="user3", json={"article": "nope", "text": "x"}),
    case("POST", REPLIES, json={"article": ident("art1"), "text": "guest"}),
    case("GET", REPLIES, query={"sort": "created,id", "expand": "article"}),
    case("GET", REPLIES, as_="user2", query={"sort": "text"}),
    case("POST", f"/blog/replies/{ident('rep2')}/approve", as_="user1"),
    case("POST", f"/blog/replies/{ident('rep2')}/approve", as_="user2", unordered=True),
    case("DELETE", f"{ARTICLES}/{ident('art1')}", as_="user2"),
    case("DELETE", f"{ARTICLES}/{ident('art4')}", as_="user2"),
    case("PATCH", f"{ARTICLES}/{ident('art1')}", as_="user2", json={"status": "draft"}),
    case("DELETE", f"{ARTICLES}/{ident('art1')}", as_="user2"),
    case("POST", f"/blog/articles/{ident('art5')}/copy", as_="user2"),
    case("POST", f"/blog/articles/{ident('art5')}/copy", as_="super", unordered=True),
    case("GET", "/api/collections/categories/records", query={"sort": "slug"}),
    case("PATCH", f"{ARTICLES}/{ident('art5')}", as_="super", json={"views+": 3, "meta": {"z": [1, None], "a": "<b>"}}),
]
TABLES = ["categories", "articles", "replies"]
