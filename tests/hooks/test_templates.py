"""`$template` in both servers: the language, its functions, escaping by context, files, errors in Go's words."""

import pytest

from tests.hooks.harness import Pair, Snippet, evaluated, listed, snippet

LAYOUT = """<!DOCTYPE html>
<html><head><title>{{block "title" .}}Default{{end}}</title></head>
<body class="{{.class}}">
{{template "body" .}}
{{- block "foot" . -}} <footer>{{.year}}</footer> {{- end -}}
</body></html>
"""
PAGE = """{{define "title"}}{{.title}} - site{{end}}
{{define "body"}}<ul>{{range .items}}
  <li data-id="{{.id}}"><a href="/items/{{.id}}?q={{.q}}">{{.name}}</a></li>{{end}}
</ul>{{end}}
"""
HOOKS = {"views/layout.html": LAYOUT, "views/page.html": PAGE, "views/part.txt": "{{.title}}!"}
DATA = """{title: "A & B", class: "x y", year: 2024, items: [{id: "a/1", q: "x&y", name: "<one>"}, {id: 2, q: "", name: "two"}]}"""

FILES = evaluated(
    f"return $template.loadFiles(`${{__hooks}}/views/layout.html`, `${{__hooks}}/views/page.html`).render({DATA})",
    f"return $template.loadFiles(`${{__hooks}}/views/part.txt`).render({DATA})",
    "try { $template.loadFiles(`${__hooks}/views/layout.html`).render({}) } catch (x) { return String(x).replace(/.*views/, '') }",
    "try { $template.loadFiles(`${__hooks}/views/nope.html`).render({}) } catch (x) { return String(x).replace(/open .*views/, '') }",
    "try { $template.loadFiles().render({}) } catch (x) { return String(x) }",
    f"return $template.loadFS($os.dirFS(__hooks), 'views/layout.html', 'views/pa*.html').render({DATA})",
    "try { $template.loadFS($os.dirFS(__hooks), 'views/*.none').render({}) } catch (x) { return String(x) }",
    "const t = $template.loadString('{{.a}}'); return [t.render({a: 1}), t.render({a: '<'})]",
    # functions of scripts can't be called in the real one
    snippet(
        "$template.addFuncs({up: (s) => s.toUpperCase()}); return $template.loadString('{{up \"x\"}}').render({})",
        ours={"s": "X"},
    ),
    snippet("return $template.loadString('{{call .f 1 2}}').render({f: (a, b) => a + b})", ours={"s": "3"}),
)


@pytest.mark.parametrize("item", listed("templates"))
def test_same(pair: Pair, item: Snippet) -> None:
    pair.check(item)


@pytest.mark.parametrize("item", FILES)
def test_files(pair: Pair, item: Snippet) -> None:
    pair.check(item)
