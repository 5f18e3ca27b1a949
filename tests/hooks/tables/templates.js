// $template: a line is the body of a function of `e`.

try { return $template.loadString("Hello {{.name}}!").render({name:"<b>"}) } catch (x) { return String(x) }
try { return $template.loadString("{{.}}").render("x") } catch (x) { return String(x) }
try { return $template.loadString("{{.a.b}} {{.a.c}} {{.z}}").render({a:{b:1}}) } catch (x) { return String(x) }
try { return $template.loadString("{{if .a}}yes{{else if .b}}b{{else}}no{{end}}").render({a:0,b:"x"}) } catch (x) { return String(x) }
try { return $template.loadString("{{range .l}}[{{.}}]{{else}}none{{end}}").render({l:[1,"a",true,null,1.5]}) } catch (x) { return String(x) }
try { return $template.loadString("{{range .l}}[{{.}}]{{else}}none{{end}}").render({l:[]}) } catch (x) { return String(x) }
try { return $template.loadString("{{range $i, $v := .l}}{{$i}}={{$v}},{{end}}").render({l:["x","y"]}) } catch (x) { return String(x) }
try { return $template.loadString("{{range $k, $v := .m}}{{$k}}={{$v}},{{end}}").render({m:{b:1,a:2}}) } catch (x) { return String(x) }
try { return $template.loadString("{{with .a}}{{.b}}{{else}}none{{end}}").render({a:{b:3}}) } catch (x) { return String(x) }
try { return $template.loadString("{{$x := .a}}{{$x}}{{$x = 5}}{{$x}}").render({a:1}) } catch (x) { return String(x) }
try { return $template.loadString("{{- .a -}}  x  {{- /* c */ -}} y").render({a:1}) } catch (x) { return String(x) }
try { return $template.loadString("{{define \"t\"}}<{{.}}>{{end}}{{template \"t\" .a}}").render({a:1}) } catch (x) { return String(x) }
try { return $template.loadString("{{block \"t\" .a}}<{{.}}>{{end}}").render({a:1}) } catch (x) { return String(x) }
try { return $template.loadString("{{printf \"%d %s %v %05.2f %q %x %t %T\" 5 \"a\" .l 3.14159 \"q\" 255 true 1}}").render({l:[1,2]}) } catch (x) { return String(x) }
try { return $template.loadString("{{print 1 2 \"a\" \"b\" 3}} {{println \"x\" 1}}").render({}) } catch (x) { return String(x) }
try { return $template.loadString("{{len .l}} {{index .l 1}} {{index .m \"k\"}} {{slice .s 1 3}}").render({l:[1,2,3],m:{k:"v"},s:"hello"}) } catch (x) { return String(x) }
try { return $template.loadString("{{html \"<a>\"}} {{js \"it's\"}} {{urlquery \"a b&c\"}}").render({}) } catch (x) { return String(x) }
try { return $template.loadString("{{and 1 0}} {{or 0 \"x\"}} {{not 1}} {{eq 1 1}} {{eq .a 1 2}} {{ne 1 2}} {{lt 1 2}} {{le 2 2}} {{gt 1 2}} {{ge 1 2}}").render({a:2}) } catch (x) { return String(x) }
try { return $template.loadString("{{eq .a \"x\"}}").render({a:1}) } catch (x) { return String(x) }
try { return $template.loadString("{{raw .a}}").render({a:"<b>x</b>"}) } catch (x) { return String(x) }
try { return $template.loadString("<a href=\"{{.u}}\">{{.u}}</a>").render({u:"javascript:alert(1)"}) } catch (x) { return String(x) }
try { return $template.loadString("<a href=\"/x?q={{.u}}\">").render({u:"a b&c=\"<é"}) } catch (x) { return String(x) }
try { return $template.loadString("<a href=\"{{.u}}\">").render({u:"https://x.com/a b?q=1&r=<é>"}) } catch (x) { return String(x) }
try { return $template.loadString("<a title='{{.u}}' data-x={{.u}}>").render({u:"a 'b' \"c\" <d> &"}) } catch (x) { return String(x) }
try { return $template.loadString("<script>var x = {{.a}}; var y = '{{.s}}';</script>").render({a:{b:[1,"</script>"]},s:"it's </script>"}) } catch (x) { return String(x) }
try { return $template.loadString("<style>a { color: {{.c}} }</style>").render({c:"red; x:expression(1)"}) } catch (x) { return String(x) }
try { return $template.loadString("<div style=\"color: {{.c}}\" onclick=\"f({{.a}})\">").render({c:"red",a:"x'\"<"}) } catch (x) { return String(x) }
try { return $template.loadString("<!-- {{.a}} -->x").render({a:"c"}) } catch (x) { return String(x) }
try { return $template.loadString("<textarea>{{.a}}</textarea><title>{{.a}}</title>").render({a:"<b>&"}) } catch (x) { return String(x) }
try { return $template.loadString("{{.a").render({}) } catch (x) { return String(x) }
try { return $template.loadString("{{nope .a}}").render({}) } catch (x) { return String(x) }
try { return $template.loadString("{{if}}").render({}) } catch (x) { return String(x) }
try { return $template.loadString("{{.a.b.c}}").render({a:1}) } catch (x) { return String(x) }
try { return $template.loadString("{{index .l 5}}").render({l:[1]}) } catch (x) { return String(x) }
try { return $template.loadString("{{template \"none\"}}").render({}) } catch (x) { return String(x) }
try { return $template.loadString("{{.a}} {{.b}} {{.c}} {{.d}} {{.e}} {{.f}}").render({a:null,b:[1,"x"],c:{z:1,a:"q"},d:1.5,e:1e21,f:true}) } catch (x) { return String(x) }
try { return $template.loadString("{{range 3}}{{.}},{{end}}").render({}) } catch (x) { return String(x) }
try { return $template.loadString("{{range .l}}{{if eq . 2}}{{continue}}{{end}}{{if eq . 4}}{{break}}{{end}}{{.}}{{end}}").render({l:[1,2,3,4,5]}) } catch (x) { return String(x) }
try { return $template.loadString("{{\"a\" | printf \"%s-%s\" \"b\"}}").render({}) } catch (x) { return String(x) }
try { return $template.loadString("{{(.a).b}} {{(index .l 0).x}}").render({a:{b:1},l:[{x:2}]}) } catch (x) { return String(x) }
try { return $template.loadString("{{.r.title}} {{.r.get \"title\"}} {{.r.Get \"title\"}} {{.r.Id}}").render({r:$app.findRecordById("posts","post10000000000")}) } catch (x) { return String(x) }
try { return $template.loadString("{{.r.Get \"title\"}} {{.r.Id}} {{.r.GetString \"title\"}} {{.r.Collection.Name}}").render({r:$app.findRecordById("posts","post10000000000")}) } catch (x) { return String(x) }
try { return $template.loadString("x").render() } catch (x) { return String(x) }
try { return $template.loadString("{{.}}").render(null) } catch (x) { return String(x) }
try { return $template.loadString("{{/* c */}}x{{/* d */ -}}  y").render({}) } catch (x) { return String(x) }
try { return $template.loadString("{{1_000}} {{0x1F}} {{'a'}} {{`raw`}} {{1e3}} {{-5}} {{nil}}").render({}) } catch (x) { return String(x) }
try { return $template.loadString("{{nil | print}} {{true}} {{\"q\\n\\u00e9\"}} {{0x1F}} {{'a'}} {{`ra<w`}} {{1e3}} {{-5}} {{1.0}}").render({}) } catch (x) { return String(x) }
try { return $template.loadString("").render({}) } catch (x) { return String(x) }
try { return $template.loadString("{{define \"x\"}}a{{end}}").render({}) } catch (x) { return String(x) }
try { return $template.loadString("<a href=\"{{.u}}").render({u:1}) } catch (x) { return String(x) }
try { return $template.loadString("{{.a.b}}").render({a:null}) } catch (x) { return String(x) }
try { return $template.loadString("{{.a.b}}").render({a:"s"}) } catch (x) { return String(x) }
try { return $template.loadString("{{.a.b}}").render({}) } catch (x) { return String(x) }
try { return $template.loadString("{{.a.b}}").render(null) } catch (x) { return String(x) }
try { return $template.loadString("{{.a}}").render("str") } catch (x) { return String(x) }
try { return $template.loadString("{{.a}}").render([1]) } catch (x) { return String(x) }
try { return $template.loadString("{{range .a}}x{{end}}").render({a:"abc"}) } catch (x) { return String(x) }
try { return $template.loadString("{{range .a}}x{{end}}").render({a:5}) } catch (x) { return String(x) }
try { return $template.loadString("{{range .a}}x{{end}}").render({a:true}) } catch (x) { return String(x) }
try { return $template.loadString("{{range .a}}x{{end}}").render({a:1.5}) } catch (x) { return String(x) }
try { return $template.loadString("{{end}}").render({}) } catch (x) { return String(x) }
try { return $template.loadString("{{else}}").render({}) } catch (x) { return String(x) }
try { return $template.loadString("{{if .a}}x").render({}) } catch (x) { return String(x) }
try { return $template.loadString("{{if .a}}x{{else}}{{else}}{{end}}").render({}) } catch (x) { return String(x) }
try { return $template.loadString("{{range .a}}x").render({}) } catch (x) { return String(x) }
try { return $template.loadString("{{$x}}").render({}) } catch (x) { return String(x) }
try { return $template.loadString("{{.a | 5}}").render({}) } catch (x) { return String(x) }
try { return $template.loadString("{{5 6}}").render({}) } catch (x) { return String(x) }
try { return $template.loadString("{{\"abc}}").render({}) } catch (x) { return String(x) }
try { return $template.loadString("{{`abc}}").render({}) } catch (x) { return String(x) }
try { return $template.loadString("{{(.a}}").render({}) } catch (x) { return String(x) }
try { return $template.loadString("{{.a)}}").render({}) } catch (x) { return String(x) }
try { return $template.loadString("{{.a &}}").render({}) } catch (x) { return String(x) }
try { return $template.loadString("{{break}}").render({}) } catch (x) { return String(x) }
try { return $template.loadString("{{define x}}{{end}}").render({}) } catch (x) { return String(x) }
try { return $template.loadString("{{template}}").render({}) } catch (x) { return String(x) }
try { return $template.loadString("{{}}").render({}) } catch (x) { return String(x) }
try { return $template.loadString("{{with $x := .a}}{{$x}}{{end}}").render({a:4}) } catch (x) { return String(x) }
try { return $template.loadString("{{with .a}}a{{else with .b}}b{{.}}{{else}}c{{end}}").render({b:4}) } catch (x) { return String(x) }
try { return $template.loadString("a{{/* x }}").render({}) } catch (x) { return String(x) }
try { return $template.loadString("{{/* x */ }}").render({}) } catch (x) { return String(x) }
try { return $template.loadString("{{printf \"%d\" \"x\"}} {{printf \"%d\"}} {{printf \"x\" 1}} {{printf \"%s\" 5}} {{printf \"%z\" 5}} {{printf \"%5d|%-5d|%05d|%+d\" 1 2 3 4}} {{printf \"%8.3f|%e|%g\" 3.14159 1234.5 0.00001}}").render({}) } catch (x) { return String(x) }
try { return $template.loadString("{{printf \"%5s|%-5s|%.2s|%x|%X|%q\" \"ab\" \"cd\" \"xyz\" \"hi\" \"hi\" \"a\\\"b\"}} {{printf \"%v %+v %#v\" .m .m .m}} {{printf \"%c %U %o %b\" 65 65 8 5}} {{printf \"%t %v\" true nil}}").render({m:{a:1,b:"x"}}) } catch (x) { return String(x) }
try { return $template.loadString("{{printf \"%v %v %s\" .n .f .a}} {{printf \"%T %T %T %T %T %T\" .n .f .a .m .x .b}} {{printf \"%*d\" 5 3}} {{printf \"%%\"}}").render({n:1,f:1.5,a:["x",1],m:{a:1},b:true}) } catch (x) { return String(x) }
try { return $template.loadString("{{len 5}}").render({}) } catch (x) { return String(x) }
try { return $template.loadString("{{len .x}}").render({}) } catch (x) { return String(x) }
try { return $template.loadString("{{len \"é\"}} {{len .m}} {{slice \"héllo\" 1 3}} {{slice .l 1}} {{index .l 0 \"x\"}}").render({m:{a:1},l:[{x:"q"},2]}) } catch (x) { return String(x) }
try { return $template.loadString("{{index .m \"none\"}}|{{index .x 1}}").render({m:{}}) } catch (x) { return String(x) }
try { return $template.loadString("{{index .l \"a\"}}").render({l:[1]}) } catch (x) { return String(x) }
try { return $template.loadString("{{index .l -1}}").render({l:[1]}) } catch (x) { return String(x) }
try { return $template.loadString("{{index .s 1}}").render({s:"abc"}) } catch (x) { return String(x) }
try { return $template.loadString("{{lt .a .b}}").render({a:1,b:"x"}) } catch (x) { return String(x) }
try { return $template.loadString("{{lt .a .b}} {{lt \"a\" \"b\"}} {{eq .n nil}}").render({a:1,b:1.5}) } catch (x) { return String(x) }
try { return $template.loadString("{{eq .n nil}}{{eq .z .n}}").render({n:null}) } catch (x) { return String(x) }
try { return $template.loadString("{{eq .l .l}}").render({l:[1]}) } catch (x) { return String(x) }
try { return $template.loadString("{{lt true false}}").render({l:[1]}) } catch (x) { return String(x) }
try { return $template.loadString("{{eq 1.5 .f}} {{eq true .b}} {{eq \"a\" .s \"b\"}} {{ne .s \"x\"}}").render({f:1.5,b:true,s:"b"}) } catch (x) { return String(x) }
try { return $template.loadString("{{eq}}").render({}) } catch (x) { return String(x) }
try { return $template.loadString("{{not}}").render({}) } catch (x) { return String(x) }
try { return $template.loadString("{{html .a}} {{.a | html}} {{.a | urlquery}} {{.a | js}} {{.a | html | print}}").render({a:"<x> 'y' & \"z\"=/"}) } catch (x) { return String(x) }
try { return $template.loadString("{{.a | html}} {{.a | urlquery}} {{.a | js}}").render({a:"<x> 'y' & \"z\"=/"}) } catch (x) { return String(x) }
try { return $template.loadString("<a onclick='x({{.a}}, \"{{.a}}\")'>{{range .l}}<li>{{.}}</li>{{end}}</a>").render({a:"it's <b>\n", l:["<",">"]}) } catch (x) { return String(x) }
try { return $template.loadString("<script>f({{.n}}, {{.b}}, {{.z}}, {{.s}}, {{.l}}, {{.f}});var r=/{{.s}}/; // c {{.s}}\n/* x {{.s}} */ var t=`a{{.s}}${b}{{.s}}`;</script>").render({n:1,b:true,z:null,s:"a.b/c'\"`${x}",l:[1,"x"],f:1.5}) } catch (x) { return String(x) }
try { return $template.loadString("<style>p{background:url({{.u}});color:{{.c}};width:{{.n}}px;content:'{{.s}}'} /* x */</style><p style='background:url(\"{{.u}}\")'>").render({u:"/a b?c=d'e",c:"#fff",n:5,s:"it's \"x\"\n</style>"}) } catch (x) { return String(x) }
try { return $template.loadString("<img src={{.u}} alt={{.e}} {{.n}}={{.v}} {{.bad}}='x' srcset='{{.ss}}'>").render({u:"/a b.png",e:"",n:"title",v:"q",bad:"onclick",ss:"/a.png 2x, javascript:x 3x"}) } catch (x) { return String(x) }
try { return $template.loadString("<a href='{{.p}}?x={{.q}}#{{.q}}' data-href='{{.u}}' xlink:href='{{.u}}'>").render({p:"/p/é",q:"a=b&c d",u:"data:x"}) } catch (x) { return String(x) }
try { return $template.loadString("<!DOCTYPE html><p>1 < 2 & {{.a}}<br/></p><input value=\"{{.a}}\" checked {{if .b}}disabled{{end}}>").render({a:"+\"<",b:1}) } catch (x) { return String(x) }
try { return $template.loadString("<script type=\"text/template\">{{.a}}</script><script type=\"application/json\">{{.o}}</script>").render({a:"<b>",o:{x:"</script>"}}) } catch (x) { return String(x) }
try { return $template.loadString("<iframe srcdoc=\"{{.a}}\"></iframe><meta content=\"0;url={{.a}}\">").render({a:"<b>"}) } catch (x) { return String(x) }
try { return $template.loadString("{{raw .a}}<p title=\"{{raw .a}}\">{{raw .a}}</p><script>{{raw .a}}</script>").render({a:"<b x='y'>&amp;1</b>"}) } catch (x) { return String(x) }
try { return $template.loadString("{{.d}} {{.l}} {{.r}}").render({d:new DateTime("2024-01-02 03:04:05Z"),l:$app.findRecordById("posts","post10000000000").get("tags"),r:$app.findRecordById("posts","post10000000000").get("meta")}) } catch (x) { return String(x) }
try { return $template.loadString("{{.d.String}} {{.d.Time.Year}} {{.t.Name}}").render({d:new DateTime("2024-01-02 03:04:05Z"),t:$app.findCollectionByNameOrId("posts")}) } catch (x) { return String(x) }
try { return $template.loadString("{{range .rs}}{{.Id}}:{{.Get \"title\"}};{{end}}").render({rs:$app.findRecordsByFilter("tags","id != ''","title",2,0)}) } catch (x) { return String(x) }
try { return $template.loadString("{{.f}} {{.g}}").render({f:123456789.0,g:1234567.5}) } catch (x) { return String(x) }
try { return $template.loadString("{{.f}} {{.g}} {{.h}}").render({f:0.000001,g:1e20,h:-0.5}) } catch (x) { return String(x) }
try { return $template.loadString("{{$a := 1}}{{range $i := .l}}{{$a = $i}}{{end}}{{$a}}{{if true}}{{$b := 2}}{{end}}").render({l:[4,5]}) } catch (x) { return String(x) }
try { return $template.loadString("{{template \"a\" .}}{{define \"a\"}}{{if .n}}{{.n.v}}{{template \"a\" .n}}{{end}}{{end}}").render({n:{v:1,n:{v:2}}}) } catch (x) { return String(x) }
try { return $template.loadString("x\n\n  {{.a.b.c}}").render({a:1}) } catch (x) { return String(x) }
try { return $template.loadString("{{if and .a (not .b) (or .c .d)}}y{{else}}n{{end}}").render({a:1,c:0,d:1}) } catch (x) { return String(x) }
try { return $template.loadString("{{'a'}} {{1_000}} {{0x1F}} {{1e3}} {{-5}} {{1.50}} {{\"q\\t\\u00e9\"}}").render({}) } catch (x) { return String(x) }
try { return $template.loadFiles("/nope.html").render({}) } catch (x) { return String(x) }
try { return $template.loadString("{{range $i, $r := .l}}{{if $i}}, {{end}}{{$r.name | printf \"%-5s|\"}}{{end}}").render({l:[{name:"a"},{name:"bb"}]}) } catch (x) { return String(x) }
try { return $template.loadString("<table>{{range .rows}}<tr class=\"{{if .odd}}odd{{else}}even{{end}}\"><td>{{.n}}</td></tr>{{else}}<tr><td>none</td></tr>{{end}}</table>").render({rows:[{odd:true,n:1},{odd:false,n:"<2>"}]}) } catch (x) { return String(x) }
try { return $template.loadString("<a href=\"{{if .x}}/a?b={{.x}}{{else}}/none{{end}}\" class='{{.c}}'>x</a>").render({x:"1&2", c:"a b"}) } catch (x) { return String(x) }
try { return $template.loadString("<a href=\"/users/{{.id}}/edit\">e</a><a href=\"mailto:{{.m}}\">m</a><a href='{{.u}}'>u</a>").render({id:"a/b c", m:"x@y.z", u:"//evil.com/?a='b'"}) } catch (x) { return String(x) }
try { return $template.loadString("<p style=\"width: {{.w}}%; background: url('{{.u}}')\"></p>").render({w:50, u:"javascript:alert(1)"}) } catch (x) { return String(x) }
try { return $template.loadString("<script>const data = {{.d}}; const s = \"{{.s}}\"; if (a < b && c > d) { x = a / b; y = /re[/]x/g.test({{.s}}) }</script>").render({d:{a:[1,{b:null}],c:"</script><!--"}, s:"a\\b\n\u2028"}) } catch (x) { return String(x) }
try { return $template.loadString("<script src=\"{{.u}}\"></script><script>/* {{.u}} */ // {{.u}}{{\"\\n\"}}f()</script>").render({u:"/a.js?v=1&x=<"}) } catch (x) { return String(x) }
try { return $template.loadString("<button onclick=\"go({id: {{.id}}, name: '{{.n}}'})\" data-x='{{.j}}'>b</button>").render({id:7, n:"O'Neil & \"co\"", j:{a:"'"}}) } catch (x) { return String(x) }
try { return $template.loadString("<input value={{.v}} placeholder=\"{{.p}}\" {{.flag}}>").render({v:"a b>c", p:"x\"y", flag:"disabled"}) } catch (x) { return String(x) }
try { return $template.loadString("<style>.a { color: {{.c}}; font-family: \"{{.f}}\"; } /* {{.c}} */ .{{.n}} { margin: {{.m}} }</style>").render({c:"rgb(1,2,3)", f:"Times \"New\"", n:"cls-x", m:-5}) } catch (x) { return String(x) }
try { return $template.loadString("<img src=\"data:image/png;base64,{{.b}}\" srcset=\"{{.u}} 1x\">").render({b:"AA+/=", u:"/a b.png"}) } catch (x) { return String(x) }
try { return $template.loadString("<svg><text x=\"{{.x}}\">{{.t}}</text></svg><br><hr/> 1 <b> < 2 <3").render({x:1.5, t:"&amp; <"}) } catch (x) { return String(x) }
try { return $template.loadString("<!-- comment {{.a}} --><p><!--[if IE]>x<![endif]--></p>{{/* gone */}}<!doctype html>").render({a:1}) } catch (x) { return String(x) }
try { return $template.loadString("{{define \"row\"}}<li>{{.}}</li>{{end}}<ul>{{range .l}}{{template \"row\" .}}{{end}}</ul>{{block \"foot\" .}}<i>{{len .l}}</i>{{end}}").render({l:["a","<b>"]}) } catch (x) { return String(x) }
try { return $template.loadString("{{with $x := index .l 1}}{{$x}}{{$.n}}{{end}}{{with .none}}y{{else}}n{{end}}").render({l:[1,2], n:3}) } catch (x) { return String(x) }
try { return $template.loadString("{{if and (gt .n 1) (lt .n 5)}}in{{end}}{{if or (eq .s \"a\") (eq .s \"b\")}}ab{{end}}{{if not .z}}nz{{end}}").render({n:3, s:"b"}) } catch (x) { return String(x) }
try { return $template.loadString("{{ .a   |   printf   \"%05d\"   }}{{- \"  x  \" -}}  {{ printf \"%q\" .s }}").render({a:42, s:"tab\t"}) } catch (x) { return String(x) }
try { return $template.loadString("{{range $k, $v := .m}}{{$k}}:{{range $v}}{{.}}{{end}};{{end}}").render({m:{b:[1,2],a:["x"]}}) } catch (x) { return String(x) }
try { return $template.loadString("{{range .l}}{{.}}{{break}}{{end}}{{range $i, $e := .l}}{{if eq $i 1}}{{continue}}{{end}}{{$e}}{{end}}").render({l:[1,2,3]}) } catch (x) { return String(x) }
try { return $template.loadString("{{$a := .l}}{{range $a}}{{$.x}}{{.}}{{end}}{{len $a}}{{index $a 0}}{{slice $a 1 2}}").render({l:[1,2], x:"q"}) } catch (x) { return String(x) }
try { return $template.loadString("{{print \"a\" 1 2 true nil 1.5}} {{println}} {{printf \"%v|%6.2f|%-8s|%+d|%x|%t\" .l 3.14159 \"ab\" 5 255 false}}").render({l:["a",{b:1}]}) } catch (x) { return String(x) }
try { return $template.loadString("{{html \"<a>\" \"&\"}} {{js \"a\\\"b\"}} {{urlquery \"a/b c\" \"d\"}} {{\"<\" | html}} {{raw \"<hr>\"}}").render({a:1}) } catch (x) { return String(x) }
try { return $template.loadString("{{.a.b.c.d}} {{.x.y}} {{(.a).b}} {{(index .l 0).n}} {{.l}}").render({a:{b:{c:{d:5}}}, l:[{n:"z"}]}) } catch (x) { return String(x) }
try { return $template.loadString("{{.a.b.c}}").render({a:{b:null}}) } catch (x) { return String(x) }
try { return $template.loadString("{{index .m \"a\" \"b\"}} {{index .m.a \"b\"}} {{index .l 0 0}}").render({m:{a:{b:7}}, l:[[8]]}) } catch (x) { return String(x) }
try { return $template.loadString("{{index .m 1}}").render({m:{a:1}}) } catch (x) { return String(x) }
try { return $template.loadString("{{slice .s 2}} {{slice .s 1 2}} {{slice .s 5}}").render({s:"abc"}) } catch (x) { return String(x) }
try { return $template.loadString("{{printf \"%s %d\"}} {{printf 5}}").render({a:1}) } catch (x) { return String(x) }
try { return $template.loadString("{{printf \"%d%%|%3c|%-4q|%#x|%#q|%08b|% d|%+.2e|%6.3v|%10t|\" 50 65 66 255 \"b\" 5 7 12345.678 3.14159 true}}").render({a:1}) } catch (x) { return String(x) }
try { return $template.loadString("{{len \"a\" \"b\"}}").render({a:1}) } catch (x) { return String(x) }
try { return $template.loadString("{{not 1 2}}").render({a:1}) } catch (x) { return String(x) }
try { return $template.loadString("{{lt \"a\" 1}}").render({a:1}) } catch (x) { return String(x) }
try { return $template.loadString("{{.a.b \"x\"}}").render({a:{b:1}}) } catch (x) { return String(x) }
try { return $template.loadString("{{.a \"x\"}}").render({a:1}) } catch (x) { return String(x) }
try { return $template.loadString("{{and}}").render({a:1}) } catch (x) { return String(x) }
try { return $template.loadString("{{if eq .a}}x{{end}}").render({a:1}) } catch (x) { return String(x) }
try { return $template.loadString("{{range $i := 3}}{{$i}}{{end}}{{range $i, $j := 2}}x{{end}}").render({a:1}) } catch (x) { return String(x) }
try { return $template.loadString("{{define \"a\"}}x{{end}}{{define \"a\"}}y{{end}}{{template \"a\"}}").render({a:1}) } catch (x) { return String(x) }
try { return $template.loadString("{{template \"a\" 1 2}}").render({a:1}) } catch (x) { return String(x) }
try { return $template.loadString("{{ .a | nope }}").render({a:1}) } catch (x) { return String(x) }
try { return $template.loadString("{{ .a. }}").render({a:1}) } catch (x) { return String(x) }
try { return $template.loadString("{{ 1a }}").render({a:1}) } catch (x) { return String(x) }
try { return $template.loadString("{{ \"a\\z\" }}").render({a:1}) } catch (x) { return String(x) }
try { return $template.loadString("{{ 'ab' }}").render({a:1}) } catch (x) { return String(x) }
try { return $template.loadString("{{if .a}}{{end}} {{else}}").render({a:1}) } catch (x) { return String(x) }
try { return $template.loadString("{{with .a}}{{end}}{{range}}{{end}}").render({a:1}) } catch (x) { return String(x) }
try { return $template.loadString("{{$x := 1}}{{if true}}{{$x := 2}}{{$x}}{{end}}{{$x}}{{if true}}{{$x = 3}}{{end}}{{$x}}").render({a:1}) } catch (x) { return String(x) }
try { return $template.loadString("{{range $x := .l}}{{end}}{{$x}}").render({l:[1]}) } catch (x) { return String(x) }
try { return $template.loadString("{{.a}}{{\"{{\"}} {{`}}`}} } }} {{\"\\x41\\101\\u0042\"}}").render({a:1}) } catch (x) { return String(x) }
try { return $template.loadString("{{- /* a */ -}}   x   {{- /* b */}} y").render({a:1}) } catch (x) { return String(x) }
try { return $template.loadString("{{ /* a */ }}").render({a:1}) } catch (x) { return String(x) }
try { return $template.loadString("{{true | printf \"%v\"}} {{3 | printf \"%d %d\" 2}} {{(printf \"%s\" \"x\") | printf \"%q\"}}").render({a:1}) } catch (x) { return String(x) }
try { return $template.loadString("{{.b}} {{.c}} {{.d}} {{if .b}}t{{end}}{{if .d}}t{{else}}f{{end}}").render({b:[], c:{}, d:0}) } catch (x) { return String(x) }
try { return $template.loadString("{{.a}}").render({a:new Date(0)}) } catch (x) { return String(x) }
try { return $template.loadString("{{.a.Format \"2006\"}} {{.a.Year}}").render({a:new Date(0)}) } catch (x) { return String(x) }
try { return $template.loadString("{{len .a}} {{index .a 0}} {{.a}}").render({a:toBytes("hi")}) } catch (x) { return String(x) }
try { return $template.loadString("{{eq .a .b}} {{eq .a.x .b.x}} {{ne .a.x nil}}").render({a:{x:1}, b:{x:1}}) } catch (x) { return String(x) }
try { return $template.loadString("<title>{{.a}}</title><textarea>{{.a}}</textarea><noscript>{{.a}}</noscript>").render({a:"</title><b>"}) } catch (x) { return String(x) }
try { return $template.loadString("<script>var a = {{.n}} / 2 / {{.n}}; var b = [{{.s}}, {{.s}}]; `t ${ {{.n}} } {{.s}}`</script>").render({n:4, s:"x`y"}) } catch (x) { return String(x) }
try { return $template.loadString("<div {{.attr}}=\"{{.v}}\" {{if .on}}checked{{end}} id='{{.v}}{{.v}}'></div>").render({attr:"data-y", v:"1", on:true}) } catch (x) { return String(x) }
try { return $template.loadString("<a href={{.u}}>{{.u}}</a>").render({u:"/x y"}) } catch (x) { return String(x) }
try { return $template.loadString("<a href=\" {{.u}} \">b</a><form action=\"{{.u}}\"></form>").render({u:"vbscript:x"}) } catch (x) { return String(x) }
try { return $template.loadString("<p title={{.a}}{{.b}} x=\"a{{.a}}b{{.b}}c\">").render({a:"1 2", b:"3'4"}) } catch (x) { return String(x) }
try { return $template.loadString("<script type=\"module\">{{.a}}</script><script type=\"text/plain\">{{.a}}</script><style type=\"text/css\">{{.a}}</style>").render({a:"x"}) } catch (x) { return String(x) }
try { return $template.loadString("<div style=\"{{.s}}\">{{.s}}</div><div style=\"color: {{.c}}; {{.p}}: red\">").render({s:"color: red", c:"red", p:"margin"}) } catch (x) { return String(x) }
try { return $template.loadString("<a href=\"?{{.q}}&x={{.x}}\">a</a><a href=\"#{{.x}}\">b</a>").render({q:"a=b", x:"c d"}) } catch (x) { return String(x) }
