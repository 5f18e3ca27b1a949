"""The SQL console, from HTTP to the database and back to what every other route sees."""

BASE = {"type": "base", "listRule": "", "fields": [{"name": "title", "type": "text"}]}


def test_sql(story):
    def run(query: str, status: int = 200) -> dict:
        answer = story("POST", "/api/sql", {"query": query}, as_=story.root)
        assert answer.status_code == status, answer.text
        return answer.json()

    assert story("POST", "/api/sql", {"query": "SELECT 1"}).status_code == 401
    story.ok("POST", "/api/collections", {"name": "notes", **BASE}, as_=story.root)

    told = run("INSERT INTO notes (id, title) VALUES ('aaaaaaaaaaaaaaa', 'one'), ('bbbbbbbbbbbbbbb', 'two')")
    assert (told["affectedRows"], told["columns"], told["rows"]) == (2, [], [])
    assert story.ok("GET", "/api/collections/notes/records")["totalItems"] == 2
    told = run("SELECT title, length(title) FROM notes ORDER BY id")
    assert told["columns"][0] == {"name": "title", "type": "TEXT", "nullable": True}
    assert told["rows"] == [["one", "3"], ["two", "3"]]

    # half of a script that fails is not there
    failed = run("DELETE FROM notes; DELETE FROM missing", 400)
    assert failed["message"] == "Failed to execute query. Raw error:\nSQL logic error: no such table: missing (1)."
    assert story.ok("GET", "/api/collections/notes/records")["totalItems"] == 2

    # what the tenant is made of is in force at once, or refused
    run("UPDATE _collections SET listRule = NULL WHERE name = 'notes'")
    assert story("GET", "/api/collections/notes/records").status_code == 403
    run("UPDATE _params SET value = json_set(value, '$.meta.appName', 'By SQL') WHERE id = 'settings'")
    assert story.ok("GET", "/api/settings", as_=story.root)["meta"]["appName"] == "By SQL"
    assert "can't be read" in run("UPDATE _collections SET fields = '{'", 400)["message"]
    assert "not authorized" in run("WITH x AS (SELECT 1) UPDATE _collections SET fields = '{'", 400)["message"]
    assert story.ok("GET", "/api/collections/notes", as_=story.root)["name"] == "notes"

    # whoever is deleted is nobody from now on
    run("VACUUM")
    run("DELETE FROM _superusers")
    assert story("POST", "/api/sql", {"query": "SELECT 1"}, as_=story.root).status_code == 401
