"""The SQL console: statements in every place, their columns and cells, what counts as a change, failures in words."""

from tests.oracle.harness import Case, case

PATH = "/api/sql"
JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def run(query: str, **more: str) -> Case:
    return case("POST", PATH, as_="super", json={"query": query}, **more)


def raw(body: bytes, kind: str | None = "application/json") -> Case:
    headers = {} if kind is None else {"Content-Type": kind}
    return case("POST", PATH, as_="super", raw=body, headers=headers, note=f"{kind} {body[:60].decode('latin-1')}")


MULTIPART = b'--b\r\nContent-Disposition: form-data; name="query"\r\n\r\nselect 5\r\n--b--\r\n'
COUNT = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM c {limit}) SELECT n FROM c"
# A value for each column of a table with every type of column the driver knows.
DATES = """
    2024-01-02 03:04:05|2024-01-02|2024-01-02 03:04|2024-01-02T03:04:05Z|2024-01-02 03:04:05.678Z|2024|x||12:00
    2024-01-02 03:04:05.123456789|2024-01-02 03:04:05+02:00|2024-01-02 03:04:05 +0200 CEST|2024-13-45|2024-02-30
    2024-01-02 03:04:05.6789 +0200 CEST m=+0.01|2024-01-02T03:04|2024-01-02 03:04:05.10Z|0001-01-01|9999-12-31 23:59:59
    2024-01-02T03:04:05.999+05:30|2024-01-02 03:04:05 UTC|2024-01-02 03:04Z|2024-01-02 24:00:00|2024-01-02 03:04:05,5
    2024-1-2|2024-01-02Z|2024-01-02 03:04:05-00:00|2024-01-02 03:04:05.678 Z|20240102|2024-01-02T03:04:05.1234567891Z
    2024-01-02 3:04:05|2024-01-02 03:04:05+02:00Z|2024-01-02 03:04:05.|2024-01-02 03:04:05 +0200|2023-02-29|2024-02-29
    2024-01-02 03:04:05 +0200 +02|2024-01-02 03:04:05 +0000 UTC|2024-01-02 03:04:05+25:00|2024-01-02 03:04+02:00
    2024-01-02 03:04:05+02:60|2024-01-02 03:04:05z|2024-01-02 03:04:05 +0200 CESTX|2024-01-02 03:04:05 +0200 GMT+3
    0000-01-01|10000-01-01|2024-01-02ZZ|2024-01-02 03:04:60|2024-01-02 03:04:05+24:00|2024-01-02 03:04:05 -0330 NST
"""
STAMPS = [text.strip() for text in DATES.replace("\n", "|").split("|")]
KINDS = "date datetime timestamp time DateTime(3) timestamptz boolean bool integer real text blob numeric json"


CASES = [
    # who may, and the form
    case("POST", PATH, json={"query": "SELECT 1"}),
    case("POST", PATH, as_="user1", json={"query": "SELECT 1"}),
    case("GET", PATH, as_="super"),
    case("PUT", PATH, as_="super", json={"query": "SELECT 1"}),
    *(
        raw(body)
        for body in (
            *(b"", b"{}", b"null", b"[]", b"5", b"{bad", b'{"query":""}', b'{"query":null}', b'{"query":5}'),
            *(b'{"query":["x"]}', b'{"QUERY":"select 1"}', b'{"Query":"select 1"}', b'{"other":1}'),
            *(b'{"query":"select 1","query":"select 2"}', b'{"query":"select 1","Query":"select 2"}'),
            *(b'{"query":"select 1"} x', b'{"query":"  "}', b'{"query":"\\tselect 1 "}'),
            *(b'{"query":"select 1\\u0000 , 2"}', b'{"query":"select \'a\\u0000b\'"}'),
        )
    ),
    *(
        raw(body, kind)
        for body, kind in (
            (b"query=select+1", FORM["Content-Type"]),
            (b"query=select+1&query=select+2", FORM["Content-Type"]),
            (b"Query=select+1", FORM["Content-Type"]),
            (b"select 1", "text/plain"),
            (b'{"query":"select 1"}', None),
            (MULTIPART, "multipart/form-data; boundary=b"),
            (b"<x>", "text/xml"),
        )
    ),
    *(run(query) for query in ("x" * 5001, "x" * 5000, "select '" + "é" * 2500 + "'", "select '" + "é" * 2495 + "'")),
    case("POST", f"{PATH}?fields=rows", as_="super", json={"query": "SELECT 1 a"}),
    case("POST", f"{PATH}?fields=columns.name,rows", as_="super", json={"query": "SELECT 1 a"}),
    # columns and cells
    *map(
        run,
        (
            "select 1",
            "SELECT 1 as a, 'x' as c, NULL as d, x'0102ff7f' as e, x'' f, '' g, true, 1 as [a b], 2 as \"q\", 3 as `t`",
            "select 1e300, 1e20, 1e21, 1e15, 1e16, 1e5, 1e6, 1234567.0, 12345678.9, 123456789.123456789, 0.1+0.2",
            "select 9223372036854775807, -0.0, 1.0, 0.1, 1e-7, 0.00001, 0.0001, 5e-324, 1.7976931348623157e308, 9e999",
            "select -9e999, 0.0/0, 1/0, 1%0, -1e-5, 100000000000000.0, 1e100, -1.5, 2.5e-10",
            "select '\u2028<&>', char(127), char(8,12,13,10,9,11,31), 'a' || char(0) || 'b', '/\\\"', '\U0001f600'",
            "select cast(x'ff41' as text), cast(x'eda080' as text), cast(x'e282' as text), cast(x'c3a9' as text)",
            "select cast(x'ff' as text) from (values (1),(2)) limit 1",
            "select 1, 1, 1 a, 1 a",
            "select 1 as é",
            "select id, title, rating, published, due, meta, created from posts order by id limit 2",
            "select rowid, id, title || '', count(*), max(due) from posts",
            "select * from posts where 0",
            "select 1 where 0",
            "select (select due from posts limit 1) x, p.due as y from posts p order by id limit 1",
            "select title, rating from (select title, rating from posts) union select 1,2 order by 1 limit 1",
            "values (1,2),(3,4)",
            "with x as (select 1 a) select * from x",
            "explain query plan select * from posts",
            "select jsonb('{}'), json('{\"a\": 1}'), '{\"a\":[1]}'->'$.a', json_group_array(1)",
            "select key, value, type from json_each('[1,\"a\"]')",
            "select zeroblob(5), hex(zeroblob(3)), length(randomblob(4)), length(zeroblob(1000000000))",
        ),
    ),
    run(f"create table kinds (k integer primary key, {', '.join(f'c{n} {k}' for n, k in enumerate(KINDS.split()))})"),
    run(
        "insert into kinds (k, c0, c1, c2, c3) values "
        + ", ".join(f"({n}, '{s}', '{s}', '{s}', '{s}')" for n, s in enumerate(STAMPS[:28]))
    ),
    run(
        "insert into kinds (k, c0, c4, c5, c2) values "
        + ", ".join(f"({n}, '{s}', '{s}', '{s}', '{s}')" for n, s in enumerate(STAMPS[28:], 28))
    ),
    *(
        run(f"insert into kinds values ({n}, {', '.join([v] * 14)})")
        for n, v in enumerate(
            ("1", "1704164645", "1.5", "'text'", "x'323032342d30312d3032'", "NULL", "'true'", "-1"), 100
        )
    ),
    run("select * from kinds"),
    run("select c0, date(c0), max(c1), c2 from kinds"),
    run("delete from kinds"),
    # how many rows
    run(COUNT.format(limit="WHERE n < 1005")),
    run(COUNT.format(limit="")),
    run(COUNT.format(limit="") + "; select 2"),
    # several statements, comments
    *map(
        run,
        (
            *(
                "select 1; select 2",
                "select 1;",
                "select 1 ; ",
                "select 1;; ;",
                ";select 1",
                ";",
                "-- c",
                "/* x",
                "/* c */ select 1",
            ),
            *(
                "select 1 -- c",
                "select 1; -- c",
                "select 1 where 0; -- x",
                "select 1; /* x",
                "-- c\nselect 2",
                "select 1; select 2 where 0",
            ),
            "select abs(column1) from (values (1),(-9223372036854775808)); select 2",
            "select 1; pragma user_version; select 'last'",
            "select 1; selec",
            "select 1; select * from nope",
            "select * from nope; select 1",
            "pragma table_info(tags); select 5",
        ),
    ),
    # changes
    *map(
        run,
        (
            "create table t1 (p text primary key, i integer, d datetime)",
            "insert into t1 (p) values ('p1'), ('p2'), ('p3')",
            "create table t2 (a)",
            "update t1 set i = 1",
            "alter table t2 add column b text default 'x'",
            "UPDATE t1 SET i=2 where 0",
            "create index t1_i on t1 (i)",
            "  iNsErT into t1 (p) values ('p4') returning *",
            "insert\ninto t1 (p) values ('p5')",
            "delete from t1 where p='p4'; delete from t1 where p in ('p1','p5')",
            "delete from t1 where p='none'; select 1",
            "replace into t1 (p, i) values ('p2', 7), ('p9', 9)",
            "insert or ignore into t1 (p) values ('p9')",
            "create view v1 as select 1 a; insert into t1 (p) values ('v')",
            "drop view v1",
            "with x as (select 'w1' a) insert into t1 (p) select a from x",
            "with x as (select 'w2' a) insert into t1 (p) select a from x returning p, d",
            "/* x */ insert into t1 (p) values ('c1')",
            "select 1; delete from t1 where p = 'c1'",
            "select p, i from t1 order by p",
            "create trigger tr after insert on t1 begin update t1 set i = 5 where p = new.p; end",
            "insert into t1 (p) values ('tr')",
            "select p, i from t1 where p = 'tr'",
            "drop trigger tr",
            "create table t3 as select 1 a, 'x' b, 2.5 c",
            "select * from t3",
            "alter table t3 rename to t4; alter table t4 rename column a to z",
            "select z from t4",
            "drop table t4",
            "create virtual table ft using fts5(a)",
            "insert into ft values ('hello world'), ('other')",
            "select a, rank from ft where ft match 'world'",
            "select highlight(ft, 0, '<', '>') from ft('hello')",
            "insert into ft(ft) values ('optimize')",
            "delete from ft_data",
            "drop table ft",
            "create virtual table rt using rtree(id, lo, hi)",
            "insert into rt values (1, 2, 3)",
            "select * from rt where lo >= 1",
            "drop table rt",
            "create virtual table x using fts4(a)",
            "select name from dbstat where name = 't1'",
            "vacuum",
            "analyze t1",
            "reindex",
            "vacuum; select 1",
            "pragma optimize",
        ),
    ),
    # failures
    *map(
        run,
        (
            *(
                "selec 1",
                "select nope from t1",
                "select * from nope.x",
                "insert into nope values (1)",
                "create table t1 (a)",
            ),
            *(
                "drop table nope",
                "insert",
                "insert;",
                "(select 1)",
                "select 1 from (select 2",
                "select 'x",
                "truncate t1",
            ),
            *(
                "deleted",
                "updatefoo",
                "createtable x",
                "delete",
                "detach",
                "detach x",
                "DETACH main",
                "alter",
                "replace",
            ),
            *(
                "select ?",
                "select 1 limit ?",
                "select ?1, :a",
                "select :a",
                "select @a, :b",
                "select $x::y(z)",
                "select ?5",
            ),
            *(
                "select 1; select ?",
                "explain select ?",
                "insert into t1 (p) values (?)",
                "select abs(1, 2)",
                "select nope(1)",
            ),
            *(
                "insert into t1 (p) values ('p2')",
                "insert into t1 (p) values ('q'), ('p2')",
                "update t1 set p = 'same'",
            ),
            "select count(*) from t1 where p in ('q', 'same')",
            "insert into t1 (p) values ('r1'); insert into nope values (1)",
            "select count(*) from t1 where p = 'r1'",
            "insert into t1 (p) values ('s1'); commit; insert into t1 (p) values ('s2')",
            "select count(*) from t1 where p in ('s1', 's2')",
            "insert into t1 (p) values ('s3'); rollback",
            "select count(*) from t1 where p = 's3'",
            "create table e1 (a text not null, b integer check (b>0), c text unique, d integer primary key)",
            "insert into e1 (b) values (1)",
            "insert into e1 (a,b) values ('x',-1)",
            "insert into e1 (a,b,c) values ('x',1,'u')",
            "insert into e1 (a,b,c) values ('x',1,'u')",
            "insert into e1 (a,d) values ('x','text')",
            "create trigger te before insert on e1 begin select raise(abort,'my message'); end",
            "insert into e1 (a) values ('x')",
            "drop trigger te; create trigger te before insert on e1 begin select raise(rollback,'my rollback'); end",
            "insert into e1 (a) values ('x')",
            "drop table e1",
            "create table e3 (a int) strict; insert into e3 values ('x')",
            "create table e4 (a, b generated always as (a*2)); insert into e4 (b) values (1)",
            "create table z2 (a, a)",
            "create index zi on t1(nope)",
            *(
                "select abs(-9223372036854775808)",
                "select sum(9223372036854775807) from (values(1),(2))",
                "select json('{')",
            ),
            *(
                "select 'x' like '%' escape 'xx'",
                "select 'a' like hex(zeroblob(25001))",
                "select 'a' like hex(zeroblob(25000))",
            ),
            *(
                "select length(zeroblob(1000000001))",
                "select regexp('a','b')",
                "select uuid()",
                "select load_extension('x')",
            ),
            *(
                "select raise(abort,'x')",
                "rollback",
                "rollback to nope",
                "release nope",
                "insert into sqlite_master values (1)",
            ),
            "update sqlite_master set sql='x'",
            "select " + ",".join(["1"] * 2001),
            "select " + "+".join(["1"] * 1100),
            "select '" + "x" * 4000 + "' from nope",
        ),
    ),
    # pragmas
    *(
        run(f"pragma {name.strip()}")
        for name in """
            user_version=5;user_version;table_info(tags);table_xinfo(tags);index_list(_superusers);foreign_key_list(tags)
            index_info(idx_tokenKey_pbc_3142635823);collation_list;integrity_check;quick_check;foreign_key_check;encoding
            application_id;freelist_count;incremental_vacuum;nope;nope=1;journal_mode;journal_mode=wal;locking_mode;mmap_size
            cache_size;max_page_count;wal_autocheckpoint;synchronous;busy_timeout;auto_vacuum;threads;trusted_schema
            recursive_triggers;secure_delete;query_only;journal_size_limit;writable_schema;hard_heap_limit;foreign_keys
            case_sensitive_like;table_info('nope')
        """.replace("\n", ";").split(";")
        if name.strip()
    ),
    # what else sees it
    run("update posts set title = 'by sql' where id = 'post20000000000'"),
    case("GET", "/api/collections/posts/records/post20000000000"),
    run("delete from comments where id = 'comment10000000'"),
    case("GET", "/api/collections/comments/records?fields=id&sort=id"),
    run("insert into tags (id, title, weight) values ('bysql1000000000', 'a', 'heavy'), ('bysql2000000000', x'ff', 1)"),
    case("GET", "/api/collections/tags/records?sort=id&fields=id,title,weight", unordered=True),
    run("drop table numbers"),
    case("GET", "/api/collections/numbers/records"),
]
