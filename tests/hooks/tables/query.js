// Queries: $dbx, $app.db(), the builder, recordQuery() and its kin. A line is the body of a function of `e`.

// -- the builder: what SQL it makes
return $dbx.exp("a = {:b}", {b: 1})
return $app.db().select("*").from("t").where($dbx.exp("a = {:b}", {b: 1})).build().sql()
~return $app.db().select("*").from("t").where($dbx.exp("a = {:b}", {b: 1})).build().params()
return $app.db().select("*").from("t").where($dbx.hashExp({a:1,b:null,c:[1,2],d:[],e:[5],f:$dbx.exp("x=1"),g:"x",h:true})).build().sql()
~return $app.db().select("*").from("t").where($dbx.hashExp({a:1,b:null,c:[1,2],d:[],e:[5],f:$dbx.exp("x=1"),g:"x",h:true})).build().params()
return $app.db().select("*").from("t").where($dbx.hashExp({})).build().sql()
return $app.db().select("*").from("t").where($dbx.not($dbx.exp("x=1"))).build().sql()
return $app.db().select("*").from("t").where($dbx.and($dbx.exp("x=1"),$dbx.exp("y=1"), null, $dbx.exp(""))).build().sql()
return $app.db().select("*").from("t").where($dbx.or($dbx.exp("x=1"),$dbx.and($dbx.exp("y=1"),$dbx.exp("z=1")))).build().sql()
return $app.db().select("*").from("t").where($dbx.or($dbx.exp("x=1"))).build().sql()
return $app.db().select("*").from("t").where($dbx.in("c",1,"2",null)).build().sql()
return $app.db().select("*").from("t").where($dbx.in("c")).build().sql()
return $app.db().select("*").from("t").where($dbx.in("c", 1)).build().sql()
return $app.db().select("*").from("t").where($dbx.in("c", null)).build().sql()
~return $app.db().select("*").from("t").where($dbx.in("c", [1,2])).build().params()
return $app.db().select("*").from("t").where($dbx.in("t.c", ...[1,2])).build().sql()
return $app.db().select("*").from("t").where($dbx.notIn("c")).build().sql()
return $app.db().select("*").from("t").where($dbx.notIn("c", 1)).build().sql()
return $app.db().select("*").from("t").where($dbx.notIn("c", 1, 2)).build().sql()
return $app.db().select("*").from("t").where($dbx.notIn("c", null)).build().sql()
return $app.db().select("*").from("t").where($dbx.like("c", "a%b_c\\d", "y")).build().sql()
~return $app.db().select("*").from("t").where($dbx.like("c", "a%b_c\\d", "y")).build().params()
~return $app.db().select("*").from("t").where($dbx.like("c", "a").match(true,false)).build().params()
~return $app.db().select("*").from("t").where($dbx.like("c", "a%").escape("%","X")).build().params()
return $app.db().select("*").from("t").where($dbx.orLike("c", "a", "b")).build().sql()
return $app.db().select("*").from("t").where($dbx.notLike("c", "a", "b")).build().sql()
return $app.db().select("*").from("t").where($dbx.orNotLike("c", "a", "b")).build().sql()
return $app.db().select("*").from("t").where($dbx.like("c")).build().sql()
~return $app.db().select("*").from("t").where($dbx.like("c","")).build().params()
return $app.db().select("*").from("t").where($dbx.exists($dbx.exp("select 1"))).build().sql()
return $app.db().select("*").from("t").where($dbx.exists($dbx.exp(""))).build().sql()
return $app.db().select("*").from("t").where($dbx.notExists($dbx.exp("select 1"))).build().sql()
return $app.db().select("*").from("t").where($dbx.notExists($dbx.exp(""))).build().sql()
return $app.db().select("*").from("t").where($dbx.between("c",1,2)).build().sql()
~return $app.db().select("*").from("t").where($dbx.between("c",1,2)).build().params()
return $app.db().select("*").from("t").where($dbx.notBetween("c","a","b")).build().sql()
return $app.db().select("*").from("t").where($dbx.not($dbx.exp(""))).build().sql()
return $app.db().select("*").from("t").where(null).build().sql()
return $app.db().select().build().sql()
return $app.db().select().from("t").build().sql()
return $app.db().select("a","b c","b as c","t.x","count(*)","t.*","x AS y", "(select 1)","`q`","[[q]]","a.b.c", "a b c", "distinct a", "t.x as z", "lower(x) as l").from("t","u v","w as x", "s.t").build().sql()
return $app.db().select("a").andSelect("b").distinct(true).selectOption("OPT").from("t").build().sql()
return $app.db().select("a").from("t").innerJoin("u", $dbx.exp("u.id=t.id")).leftJoin("v as w", null).rightJoin("x y", $dbx.exp("1")).join("CROSS JOIN", "z", $dbx.exp("")).build().sql()
return $app.db().select("a").from("t").orderBy("a","b desc","c ASC","rand()","t.d DESC","`x`", "lower(z) desc", "a, b desc").andOrderBy("q").build().sql()
return $app.db().select("a").from("t").groupBy("a","t.b","lower(c)").andGroupBy("d").having($dbx.exp("count(*)>1")).andHaving($dbx.exp("x")).orHaving($dbx.exp("y")).build().sql()
return $app.db().select("a").from("t").limit(5).offset(3).build().sql()
return $app.db().select("a").from("t").limit(0).build().sql()
return $app.db().select("a").from("t").offset(3).build().sql()
return $app.db().select("a").from("t").limit(-1).offset(0).build().sql()
~return $app.db().select("a").from("t").where($dbx.exp("a={:a}",{a:1})).orWhere($dbx.exp("b={:b}",{b:1})).andWhere($dbx.exp("c")).bind({z:1}).andBind({y:2}).build().params()
return $app.db().select("a").from("t").where($dbx.exp("a={:a}",{a:1})).orWhere($dbx.exp("b={:b}",{b:1})).andWhere($dbx.exp("c")).build().sql()
return $app.db().select("a").from("t").union($app.db().select("b").from("u").where($dbx.hashExp({x:1})).build()).unionAll($app.db().newQuery("select 5")).orderBy("a").limit(3).build().sql()
~return $app.db().select("a").from("t").union($app.db().select("b").from("u").where($dbx.hashExp({x:1})).build()).where($dbx.hashExp({z:2})).build().params()
return $app.db().select("a").from("t").preFragment("PRE").postFragment("POST").where($dbx.exp("x")).limit(4).build().sql()

// -- rows into variables
const q=$app.db().newQuery("select {:a} as a, {:b} b, {:c} c, {:d} d, {:e} e").bind({a:1,b:"x",c:null,d:true,e:1.5}); const m=new DynamicModel({a:0,b:"",c:"z",d:false,e:0}); q.one(m); return m
const m=new DynamicModel({a:0}); $app.db().newQuery("select 1.5 as a").one(m); return m
const m=new DynamicModel({a:-0}); $app.db().newQuery("select 1.5 as a").one(m); return m
const m=new DynamicModel({a:1.5}); $app.db().newQuery("select 1.25 as a").one(m); return m
const m=new DynamicModel({a:""}); $app.db().newQuery("select 1.5 as a").one(m); return m
const m=new DynamicModel({a:""}); $app.db().newQuery("select null as a").one(m); return m
const m=new DynamicModel({a:0}); $app.db().newQuery("select null as a").one(m); return m
const m=new DynamicModel({a:0}); $app.db().newQuery("select 'x' as a").one(m); return m
const m=new DynamicModel({a:false}); $app.db().newQuery("select 'x' as a").one(m); return m
const m=new DynamicModel({a:false}); $app.db().newQuery("select 7 as a").one(m); return m
const m=new DynamicModel({a:false}); $app.db().newQuery("select 't' as a").one(m); return m
const m=new DynamicModel({a:[]}); $app.db().newQuery("select '[1,2]' as a").one(m); return m
const m=new DynamicModel({a:{}}); $app.db().newQuery("select '{\"x\":1}' as a").one(m); return m
const m=new DynamicModel({a:{}}); $app.db().newQuery("select 'zz' as a").one(m); return m
const m=new DynamicModel({a:[]}); $app.db().newQuery("select null as a").one(m); return m
const m=new DynamicModel({a:nullString(),b:nullInt(),c:nullFloat(),d:nullBool(),e:nullArray(),f:nullObject()}); $app.db().newQuery("select null as a, null b, null c, null d, null e, null f").one(m); return m
const m=new DynamicModel({a:nullString(),b:nullInt(),c:nullFloat(),d:nullBool(),e:nullArray(),f:nullObject()}); $app.db().newQuery("select 'q' as a, 4 b, 4.5 c, 1 d, '[1]' e, '{\"a\":1}' f").one(m); return m
const m=new DynamicModel({a:""}); $app.db().newQuery("select 'q' as a, 5 as b").one(m); return m
const m=new DynamicModel({a:"",b:"keep"}); $app.db().newQuery("select 'q' as a").one(m); return m
const m=new DynamicModel({aB:"",CD:"", e_f:""}); $app.db().newQuery("select 'q' as aB, 'w' as CD, 'r' as e_f").one(m); return m
const m=new DynamicModel({aB:"",CD:"", e_f:"", gH:""}); $app.db().newQuery("select 'q' as a_b, 'w' as c_d, 'r' as eF, 'z' as GH").one(m); return m
const m=new DynamicModel({a:""}); $app.db().newQuery("select 'q' as a where 0").one(m); return m
const m={}; $app.db().newQuery("select 'q' as a").one(m); return m
const m={a:"x"}; $app.db().newQuery("select 'q' as a").one(m); return m
const m=[]; $app.db().newQuery("select 'q' as a").one(m); return m
$app.db().newQuery("select 'q' as a").one("x")
const m=arrayOf(new DynamicModel({a:""})); $app.db().newQuery("select 'q' as a union select 'r'").all(m); return [m, m.length, m[0].a, Array.isArray(m), m.map(x=>x.a)]
const m=arrayOf(new DynamicModel({a:""})); $app.db().newQuery("select 'q' as a where 0").all(m); return m
const m=[]; $app.db().newQuery("select 'q' as a").all(m); return m
const m=arrayOf(""); $app.db().newQuery("select 'q' as a").all(m); return m
const m=arrayOf(0); $app.db().newQuery("select 'q' as a").all(m); return m
const m=arrayOf({}); $app.db().newQuery("select 'q' as a").all(m); return m
const m=new DynamicModel({a:""}); $app.db().newQuery("select 'q' as a").all(m); return m
const m=arrayOf(""); $app.db().newQuery("select 'q' as a union select 'b'").column(m); return m
const m=arrayOf(0); $app.db().newQuery("select 5 as a union select 6").column(m); return m
const m=arrayOf(0); $app.db().newQuery("select 'z' as a union select 6").column(m); return m
const m=arrayOf(0); $app.db().newQuery("select null as a union select 6").column(m); return m
const m=arrayOf(""); $app.db().newQuery("select null as a union select 6").column(m); return m
const m=[]; $app.db().newQuery("select 'q' as a union select 'b'").column(m); return m
let a="",b=0; $app.db().newQuery("select 'q' as a, 7").row(a,b); return [a,b]
const a=nullString(); $app.db().newQuery("select 'q' as a").row(a); return [a, String(a), typeof a]
const a=nullString(), b=nullInt(); $app.db().newQuery("select 'q' as a, 5").row(a,b); return [a, b]
const a=nullString(); $app.db().newQuery("select 'q' as a, 5").row(a); return [a]
const a=new DynamicModel({x:0}); $app.db().newQuery("select 'q' as a").row(a); return [a]
const r=$app.db().newQuery("select 'q' as a, 1 b union select 'z', 2").rows(); let out=[]; out.push(r.columns()); while(r.next()){const m=new DynamicModel({a:"",b:0}); r.scanStruct(m); out.push(m)} r.close(); return out
const r=$app.db().newQuery("select 'q' as a, 1 b").rows(); r.next(); const a=nullString(), b=nullInt(); r.scan(a,b); return [a,b]
~const q=$app.db().newQuery("select {:a} as a").bind({a:1}).bind({b:2}); return q.params()
const m=new DynamicModel({a:""}); $app.db().newQuery("select {:a} as a").one(m); return m
const m=new DynamicModel({a:""}); $app.db().newQuery("select {:a} as a").bind({b:1}).one(m); return m
const m=new DynamicModel({a:""}); $app.db().newQuery("select {:a}||{:a} as a").bind({a:"z"}).one(m); return m
const m=new DynamicModel({a:""}); $app.db().newQuery("select '{:a}' as a").bind({a:"z"}).one(m); return m
const m=new DynamicModel({a:""}); $app.db().newQuery("select [[a]] as a from {{t}} join (select 1 as a) t").one(m); return m
const m=new DynamicModel({a:""}); $app.db().newQuery("select [[t.title]] as a from {{tags}} as t").one(m); return m
const m=new DynamicModel({a:""}); $app.db().newQuery("select '{{tags}} [[x]]' as a").one(m); return m
const m=new DynamicModel({a:""}); $app.db().newQuery("select {:a} as a").bind({a:[1,2]}).one(m); return m
const m=new DynamicModel({a:""}); $app.db().newQuery("select {:a} as a").bind({a:{x:1}}).one(m); return m
const m=new DynamicModel({a:""}); $app.db().newQuery("select {:a} as a").bind({a:new Date(0)}).one(m); return m
const m=new DynamicModel({a:""}); $app.db().newQuery("select {:a} as a").bind({a:new DateTime("2024-01-02 03:04:05Z")}).one(m); return m
const m=new DynamicModel({a:""}); $app.db().newQuery("select typeof({:a}) as a").bind({a:undefined}).one(m); return m
const m=new DynamicModel({a:""}); $app.db().newQuery("select typeof({:a}) as a").bind({a:true}).one(m); return m
const m=new DynamicModel({a:""}); $app.db().newQuery("select typeof({:a}) as a").bind({a:3.0}).one(m); return m
const m=new DynamicModel({a:""}); $app.db().newQuery("select {:a} as a").bind({a:2**60}).one(m); return m
const m=new DynamicModel({a:""}); $app.db().newQuery("select typeof({:a}) as a").bind({a:2**70}).one(m); return m
const m=new DynamicModel({a:""}); $app.db().newQuery("select {:a} as a").bind({a:$app.findRecordById("posts","post10000000000").get("meta")}).one(m); return m
const m=new DynamicModel({a:""}); $app.db().newQuery("select {:a} as a").bind({a:$app.findRecordById("posts","post10000000000").get("due")}).one(m); return m
const m=new DynamicModel({a:""}); $app.db().newQuery("select {:a} as a").bind({a:$app.findRecordById("posts","post10000000000").get("place")}).one(m); return m
const m=new DynamicModel({a:""}); $app.db().newQuery("select {:a} as a").bind({a:toBytes("hey")}).one(m); return m

// -- models, records and collections
const m=arrayOf(new DynamicModel({aB:"",CD:""})); $app.db().newQuery("select 'q' as ab, 'w' as cd").all(m); return m
const m=new DynamicModel({Abc:""}); $app.db().newQuery("select 'q' as Abc").one(m); return [m, m.Abc, m.abc]
const m=new DynamicModel({a:0}); $app.db().newQuery("select '12' as a").one(m); return m
const m=new DynamicModel({a:0}); $app.db().newQuery("select 2.0 as a").one(m); return m
const m=new DynamicModel({a:0}); $app.db().newQuery("select 1e3 as a").one(m); return m
const m=new DynamicModel({a:0}); $app.db().newQuery("select '2.0' as a").one(m); return m
const m=new DynamicModel({a:1.5}); $app.db().newQuery("select 'x' as a").one(m); return m
const m=new DynamicModel({a:1.5}); $app.db().newQuery("select '1e2' as a").one(m); return m
const m=new DynamicModel({a:1.5}); $app.db().newQuery("select 7 as a").one(m); return m
const m=new DynamicModel({a:1.5}); $app.db().newQuery("select null as a").one(m); return m
const m=new DynamicModel({a:true}); $app.db().newQuery("select 0 as a").one(m); return m
const m=new DynamicModel({a:true}); $app.db().newQuery("select 0.0 as a").one(m); return m
const m=new DynamicModel({a:true}); $app.db().newQuery("select null as a").one(m); return m
const m=new DynamicModel({a:true}); $app.db().newQuery("select 'false' as a").one(m); return m
const m=new DynamicModel({a:""}); $app.db().newQuery("select 100000000000000000000 as a").one(m); return m
const m=new DynamicModel({a:""}); $app.db().newQuery("select 1e30 as a, 0.1").one(m); return m
const m=new DynamicModel({a:""}); $app.db().newQuery("select 123456789.0 as a").one(m); return m
const m=new DynamicModel({a:""}); $app.db().newQuery("select 1e20 as a").one(m); return m
const m=new DynamicModel({a:""}); $app.db().newQuery("select 1e21 as a").one(m); return m
const m=new DynamicModel({a:""}); $app.db().newQuery("select 0.00001 as a").one(m); return m
const m=new DynamicModel({a:""}); $app.db().newQuery("select x'414243ff' as a").one(m); return m
const m=new DynamicModel({a:{}}); $app.db().newQuery("select 5 as a").one(m); return m
const m=new DynamicModel({a:{}}); $app.db().newQuery("select '[1]' as a").one(m); return m
const m=new DynamicModel({a:[]}); $app.db().newQuery("select '{\"a\":1}' as a").one(m); return m
const m=new DynamicModel({a:[]}); $app.db().newQuery("select '' as a").one(m); return m
const m=new DynamicModel({a:[]}); $app.db().newQuery("select 5 as a").one(m); return m
const m=new DynamicModel({a:[1,2]}); $app.db().newQuery("select '[\"s\",null,{\"q\":1}]' as a").one(m); return m
const m=new DynamicModel({a:"x", a2: -0, published:false, created:""}); $app.db().newQuery("select title as a, rating as a2, published, created from posts where id='post10000000000'").one(m); return m
const m=new DynamicModel({published:""}); $app.db().newQuery("select published from posts where id='post10000000000'").one(m); return m
const m=new DynamicModel({created:""}); $app.db().newQuery("select created from posts where id='post20000000000'").one(m); return m
const m=new DynamicModel({due:""}); $app.db().newQuery("select due from posts where id='post20000000000'").one(m); return m
const m=new DynamicModel({due:0}); $app.db().newQuery("select due from posts where id='post20000000000'").one(m); return m
const m=new DynamicModel({meta:nullObject(), labels:nullArray(), tags: []}); $app.db().newQuery("select meta,labels,tags from posts where id='post10000000000'").one(m); return m
const m=new DynamicModel({x:nullBool(),i:nullInt(),f:nullFloat()}); $app.db().newQuery("select 7 as x").one(m); return m
const m=new DynamicModel({x:nullBool(),i:nullInt(),f:nullFloat()}); $app.db().newQuery("select 'z' as i").one(m); return m
const m=new DynamicModel({f:nullFloat()}); $app.db().newQuery("select 'z' as f").one(m); return m
const m=new DynamicModel({f:nullString()}); $app.db().newQuery("select 7.25 as f").one(m); return m
const m=new DynamicModel({f:nullObject()}); $app.db().newQuery("select '{' as f").one(m); return m
const m=new DynamicModel({f:nullArray()}); $app.db().newQuery("select '{}' as f").one(m); return m
const m=new DynamicModel({f:""}); $app.db().newQuery("select 5 as f, 6 as f").one(m); return [m]
const m=new DynamicModel({id:"",title:""}); $app.recordQuery("posts").limit(1).one(m); return [m]
const m=new Record(); $app.recordQuery("posts").orderBy("title").limit(1).one(m); return [m, m.isNew(), m.collection().name]
const m=new Record($app.findCollectionByNameOrId("posts")); $app.recordQuery("posts").orderBy("title").limit(1).one(m); return [m, m.isNew(), m.collection().name]
const m=new Record($app.findCollectionByNameOrId("tags")); $app.recordQuery("posts").orderBy("title").limit(1).one(m); return [m, m.isNew(), m.collection().name]
const m=arrayOf(new Record()); $app.recordQuery("tags").orderBy("title").limit(2).all(m); return [m, m[0].isNew(), m[0].collection().name]
const m=[]; $app.recordQuery("tags").orderBy("title").limit(2).all(m); return [m]
const m=new Record(); $app.recordQuery("posts").andWhere($dbx.exp("1=2")).one(m); return [m, m.isNew(), m.collection().name]
return $app.recordQuery("posts").build().sql()
return $app.recordQuery("nope").build().sql()
return $app.recordQuery($app.findCollectionByNameOrId("posts")).limit(2).offset(1).orderBy("x").build().sql()
return $app.recordQuery("post_stats").build().sql()
return $app.recordQuery("users").andWhere($dbx.hashExp({email:"x"})).build().sql()
return $app.recordQuery("nope").one(new Record())
return $app.recordQuery(5).build().sql()
return $app.recordQuery(null).build().sql()
const m=new Record(); $app.recordQuery("posts").select("id","title").limit(1).one(m); return m
const m=new Record(); $app.recordQuery("posts").select("posts.id","title","rating+1 as rating", "5 as foo").orderBy("id").limit(1).one(m); return [m, m.get("foo")]
const m=new Record($app.findCollectionByNameOrId("posts")); $app.db().select("*").from("posts").orderBy("id").limit(1).one(m); return [m, m.isNew(), m.id]
const m=new Collection(); $app.collectionQuery().orderBy("name").limit(1).one(m); return [m.name, m.type, m.isNew()]
const m=arrayOf(new Collection()); $app.collectionQuery().orderBy("name").limit(3).all(m); return m.map(x=>x.name)
return $app.collectionQuery().build().sql()
return $app.logQuery().build().sql()
return $app.modelQuery(new Collection()).build().sql()
return $app.modelQuery(new Record($app.findCollectionByNameOrId("posts"))).build().sql()
return $app.auxModelQuery(new Record($app.findCollectionByNameOrId("posts"))).build().sql()
const m=new Collection(); $app.db().select("*").from("_collections").where($dbx.hashExp({name:"posts"})).one(m); return [m.name, m.fields.length]
const m=arrayOf(new Collection()); $app.db().select("*").from("_collections").where($dbx.hashExp({name:"posts"})).all(m); return [m.length, m[0].name]
const m=arrayOf(new Record()); $app.recordQuery("posts").where($dbx.exp("nope=1")).all(m); return m
const m=new DynamicModel({n:0}); $app.recordQuery("posts").select("count(*) as n").one(m); return m
const m=new DynamicModel({n:0}); $app.recordQuery("posts").select("count(*) as n").row(m); return m
const m=nullInt(); $app.recordQuery("posts").select("count(*)").row(m); return m
const m=arrayOf(""); $app.recordQuery("posts").select("title").orderBy("title").column(m); return m
const m=arrayOf(""); $app.recordQuery("posts").orderBy("title").column(m); return m
const m=new Record($app.findCollectionByNameOrId("posts")); $app.recordQuery("posts").model("post20000000000", m); return m.get("title")

// -- errors, changes, DDL
const m=arrayOf(new DynamicModel({a:""})); $app.db().select("nope").from("tags").where($dbx.hashExp({title:"x'y", weight:1.5, created:null, b:true, c:$app.findRecordById("posts","post10000000000").get("due")})).all(m); return m
const m=arrayOf(new Record()); $app.recordQuery("posts").where($dbx.hashExp({nope:"x'y", weight:1.5, b:true, b0:toBytes("hé"),c:$app.findRecordById("posts","post10000000000").get("due")})).all(m); return m
const m=arrayOf(new Record()); $app.recordQuery("posts").where($dbx.exp("nope={:a}",{a:new Date(0)})).all(m); return m
const m=arrayOf(new Record()); $app.recordQuery("posts").where($dbx.exp("nope={:a}",{})).all(m); return m
const m=arrayOf(new Record()); $app.recordQuery("posts").where($dbx.exp("id={:a}",{a:[1]})).all(m); return m
const m=new Collection(); $app.collectionQuery().where($dbx.exp("nope={:a}",{a:1})).one(m)
const m=new Collection(); $app.collectionQuery().where($dbx.exp("id={:a}",{a:1})).one(m)
$app.logQuery().where($dbx.exp("nope={:a}",{a:1})).one(new DynamicModel({id:""}))
$app.modelQuery(new Collection()).where($dbx.exp("nope={:a}",{a:1})).one(new DynamicModel({id:""}))
const m=arrayOf(new Record()); $app.recordQuery("posts").select("count(*)").all(m); return m
~const q=$app.db().insert("tags",{title:"x", id:"y", n:null}); return [q.sql(), q.params()]
~const q=$app.db().insert("tags",{}); return [q.sql(), q.params()]
~const q=$app.db().insert("tags",{title:$dbx.exp("lower({:x})",{x:"Q"}), id:"y"}); return [q.sql(), q.params()]
~const q=$app.db().upsert("tags",{title:"x", id:"y"}, "id"); return [q.sql(), q.params()]
~const q=$app.db().upsert("tags",{title:"x", id:"y"}, "id","title"); return [q.sql(), q.params()]
~const q=$app.db().upsert("tags",{title:"x", id:"y"}); return [q.sql(), q.params()]
~const q=$app.db().update("tags",{title:"x", id:"y"}, $dbx.hashExp({a:1})); return [q.sql(), q.params()]
~const q=$app.db().update("tags",{title:$dbx.exp("lower(title)"), id:"y"}, null); return [q.sql(), q.params()]
~const q=$app.db().delete("tags",$dbx.exp("a={:b}",{b:1})); return [q.sql(), q.params()]
~const q=$app.db().delete("tags",null); return [q.sql(), q.params()]
~const q=$app.db().createTable("t t",{b:"TEXT", a:"INT PRIMARY KEY"},"STRICT"); return [q.sql(), q.params()]
~const q=$app.db().createTable("t",{b:"TEXT", a:"INT PRIMARY KEY"}); return [q.sql(), q.params()]
return ["renameTable:a:b","dropTable:a","truncateTable:a","addColumn:a:b:TEXT","dropColumn:a:b","renameColumn:a:b:c","createIndex:a:b:c:d","createUniqueIndex:a:b:c","dropIndex:a:b"].map(x=>{const [f,...r]=x.split(":"); return $app.db()[f](...r).sql()})
return ["alterColumn:a:b:TEXT","addPrimaryKey:a:b:c","dropPrimaryKey:a:b","dropForeignKey:a:b"].map(x=>{const [f,...r]=x.split(":"); try { return $app.db()[f](...r).sql() } catch(e) { return String(e)}})
return $app.db().alterColumn("a","b","TEXT").execute()
return $app.db().addForeignKey("a","b",["c"],["d"],"e").execute()
const d=$app.db(); return [d.quote("a'b\\"), d.quoteSimpleTableName("t"), d.quoteSimpleTableName("`t`"), d.quoteSimpleTableName("a.b"), d.quoteSimpleColumnName("x"), d.quoteSimpleColumnName("*"), d.quoteSimpleColumnName("`x`"), d.generatePlaceholder(3), d.quoteSimpleTableName("a`b")]
const m=new DynamicModel({name:""}); $app.auxDB().newQuery("select name from sqlite_schema limit 1").one(m); return m
const m=arrayOf(""); $app.db().newQuery("pragma table_info(tags)").column(m); return m
$app.db().newQuery("create table zz(a); insert into zz values(1); insert into zz values(2)").execute(); const m=nullInt(); $app.db().newQuery("select count(*) from zz").row(m); return m
const m=new DynamicModel({a:0}); $app.db().newQuery("insert into zz values(7) returning a").one(m); return m
const m=new DynamicModel({a:0}); $app.db().newQuery("select 3 as a; select 4 as a").one(m); return m
const q=$app.db().newQuery("insert into zz values({:a})").prepare(); for (const a of [20,21,22]) q.bind({a}).execute(); q.close(); const m=nullInt(); $app.db().newQuery("select count(*) from zz").row(m); return m
$app.db().newQuery("syntax").execute()
$app.db().newQuery("").execute()
$app.db().newQuery("insert into tags (id,title) values ('tag100000000000','zz')").execute()
$app.db().newQuery("insert into tags (id,title) values ('tagx00000000000','beta')").execute()
$app.concurrentDB().newQuery("insert into tags (id,title) values ('tagx00000000000','beta2')").execute(); $app.concurrentDB().newQuery("delete from tags where id='tagx00000000000'").execute()
~return $app.db().newQuery("select 1").bind({a:1}).bind(null).params()
return $app.db().select("a").distinct(true).distinct(false).from("x").from("y").select("b").where($dbx.exp("1")).where($dbx.exp("2")).orderBy("a").orderBy("b").build().sql()
return $app.db().select("a").from("x").andWhere($dbx.exp("1")).andWhere(null).orWhere($dbx.exp("")).build().sql()
return $app.db().select("a, b", "c").from("x, y").build().sql()
return $app.db().select("  a  ", "").from("").build().sql()
return $app.db().select("A.b As c", "d aS e").from("T AS U").build().sql()
return $app.db().select("a").from("(select 1) x").innerJoin("(select 2) AS y", $dbx.exp("1=1")).build().sql()
return $app.db().select("`a b` as c", "'x' as d", "5", "a-b", "a as `b c`").build().sql()
return $app.db().select("posts.title t", "count(id) n", "count(id) as n", "case when a then b end as q").build().sql()

// -- rows, transactions, oddities
$app.db().newQuery("create table dd(a DATE, b DATETIME, c TIMESTAMP, d BOOLEAN, e TIME, f BLOB, g REAL)").execute(); $app.db().newQuery("insert into dd values('2024-01-02','2024-01-02 03:04:05.5Z','2024-01-02T03:04:05+02:00',1,'03:04',x'6162',2)").execute(); const m=new DynamicModel({a:"",b:"",c:"",d:"",e:"",f:"",g:""}); $app.db().newQuery("select * from dd").one(m); return m
$app.db().newQuery("delete from dd").execute(); $app.db().newQuery("insert into dd values(5,'zzz',1.5,'x',7,8,'q')").execute(); const m=new DynamicModel({a:"",b:"",c:"",d:"",e:"",f:"",g:""}); $app.db().newQuery("select * from dd").one(m); return m
$app.db().dropTable("dd").execute()
const m=new Record(); $app.recordQuery("posts").limit(1).one(m); m.set("title","Changed"); return [m.original().get("title"), m.isNew(), m.tableName(), m.baseFilesPath()]
const m=arrayOf(new Record()); $app.recordQuery("users").limit(1).all(m); return [m[0].get("email"), m[0].get("tokenKey").length, JSON.stringify(m[0])]
const m=arrayOf(new Record()); m.push(new Record()); return m.length
const m=arrayOf(new DynamicModel({a:""})); $app.db().newQuery("select 'a' a").all(m); $app.db().newQuery("select 'b' a").all(m); return m
const m=arrayOf(new DynamicModel({a:"x"})); $app.db().newQuery("select 'b' b").all(m); return m
const m=arrayOf(""); $app.db().newQuery("select 'b' b").column(m); $app.db().newQuery("select 'c' b").column(m); return m
const m=arrayOf(new DynamicModel({a:"x"})); $app.db().newQuery("select 'b' b").column(m); return m
const m=arrayOf(0); $app.recordQuery("posts").select("rating").column(m); return m
const m=arrayOf(-0); $app.recordQuery("posts").select("rating").column(m); return m
const m=arrayOf(true); $app.recordQuery("posts").select("published").column(m); return m
const m=arrayOf(1.5); $app.recordQuery("posts").select("rating").column(m); return m
const m=arrayOf(nullString()); $app.recordQuery("posts").select("rating").column(m); return m
const m=arrayOf(nullInt()); $app.db().newQuery("select null union select 5").column(m); return m
const m=arrayOf({}); $app.db().newQuery("select '{}'").column(m); return m
const m=arrayOf([]); $app.db().newQuery("select '[1]'").column(m); return m
const r=$app.recordQuery("posts").select("title").orderBy("title").rows(); let n=[]; while(r.next()){const m=new DynamicModel({title:""}); r.scanStruct(m); n.push(m.title)} return [n, r.err(), r.close()]
const r=$app.db().newQuery("select 1 a").rows(); const m=new DynamicModel({a:0}); r.scanStruct(m); return m
const r=$app.db().newQuery("select 1 a").rows(); r.next(); r.close(); return [r.next(), r.columns()]
const r=$app.db().newQuery("select 1 a where 0").rows(); return [r.columns(), r.next(), r.nextResultSet()]
$app.db().newQuery("update tags set title='beta2' where title='beta'").execute(); const m=nullString(); $app.db().newQuery("select title from tags where title like 'beta%'").row(m); $app.db().newQuery("update tags set title='beta' where title='beta2'").execute(); return m
return $app.concurrentDB().driverName()
let out=[]; $app.nonconcurrentDB().transactional(tx=>{ tx.newQuery("update tags set weight=99 where title='alpha'").execute(); const m=nullInt(); tx.newQuery("select weight from tags where title='alpha'").row(m); out.push(m); throw new Error("undo") }); return out
let out=[]; try { $app.nonconcurrentDB().transactional(tx=>{ tx.newQuery("update tags set weight=99 where title='alpha'").execute(); const m=nullInt(); tx.newQuery("select weight from tags where title='alpha'").row(m); out.push(m); throw new Error("undo") }) } catch(e) {out.push(String(e))} const m=nullInt(); $app.db().newQuery("select weight from tags where title='alpha'").row(m); out.push(m); return out
let out=[]; try { $app.runInTransaction(tx=>{ tx.db().newQuery("update tags set weight=99 where title='alpha'").execute(); throw new Error("undo") }) } catch(e) {out.push(String(e))} const m=nullInt(); $app.db().newQuery("select weight from tags where title='alpha'").row(m); out.push(m); return out
const q=$app.db().select("title").from("tags").orderBy("title"); q.limit(2); const a=arrayOf(""); q.column(a); q.limit(1); const b=arrayOf(""); q.column(b); return [a,b]
const q=$app.db().select("title").from("tags").where($dbx.like("title","eta")); const a=arrayOf(""); q.column(a); return a
const q=$app.db().select("title").from("tags").where($dbx.like("title","0%_")); const a=arrayOf(""); q.column(a); return a
const q=$app.db().select("title").from("tags").where($dbx.exists($dbx.exp("select 1 from posts where posts.title={:t}",{t:"lonely"}))); const a=arrayOf(""); q.column(a); return a.length
return $dbx.exp("a = {:x}",{x:1}).build($app.concurrentDB(), {})
return $dbx.hashExp({a:1}).build($app.concurrentDB(), {})
const p={}; const s=$dbx.hashExp({a:1}).build($app.concurrentDB(), p); return [s,p]
return JSON.stringify([$dbx.hashExp({a:1}), $dbx.like("a","b"), $dbx.in("a",1), $dbx.and($dbx.exp("a")), $dbx.not($dbx.exp("a")), $dbx.between("a",1,2), $dbx.exists($dbx.exp("b"))])
return $dbx.exp(5)
return $dbx.exp()
return $dbx.hashExp()
return $dbx.hashExp(null)
return $dbx.hashExp("x")
return $dbx.in()
return $dbx.not(null)
return $app.db().select("a").where("x=1").build().sql()
return $app.db().select("a").where({}).build().sql()
return $app.db().select("a").where($dbx.exp(undefined)).build().sql()
return $app.db().select("a").where($dbx.hashExp(null)).build().sql()
return $app.db().select("a").limit("5").offset("x").build().sql()
return $app.db().select("a").limit(1.7).build().sql()
return $app.db().select(["a","b"]).build().sql()
return $app.db().select(1,null,undefined).build().sql()
return $app.db().select("a").orderBy("").build().sql()
return $app.db().newQuery(5).sql()
return $app.db().newQuery().sql()
~return $app.db().newQuery("a").bind("x").params()
~return $app.db().newQuery("a").bind([1]).params()

// -- records by queries
const m=new Record(); $app.recordQuery("posts").select("posts.*","(5) as foo").limit(1).one(m); return [m.get("foo"), m, m.getString("foo")]
const m=new Record($app.findCollectionByNameOrId("posts")); $app.db().newQuery("select id, title, 7 rating from posts order by id limit 1").one(m); return [m, m.isNew(), m.get("title"), m.get("rating")]
const m=new Record($app.findCollectionByNameOrId("posts")); m.set("title","mine"); $app.db().newQuery("select id, title, 7 rating from posts order by id limit 1").one(m); return [m, m.isNew(), m.original().get("title")]
const m=new Record(); $app.recordQuery("posts").one(new DynamicModel({title:"", labels:[], nope:""}))
const m=arrayOf(new Collection()); $app.recordQuery("posts").all(m); return m.length
const m=new Collection(); $app.recordQuery("posts").one(m); return m.name
const m=arrayOf(new Record()); $app.recordQuery("post_stats").orderBy("id").limit(2).all(m); return m
const m=new Record(); $app.recordQuery("posts").limit(1).one(m); const r2=new Record(); return [m.original().get("title"), m.fresh().isNew()]

// -- targets and parameters
$app.db().upsert("tags",{title:"x"},"id").execute()
$app.db().addPrimaryKey("tags","x","id").execute()
$app.db().dropPrimaryKey("tags","x").execute()
$app.db().dropForeignKey("tags","x").execute()
$app.db().upsert("tags",{title:"x"},"id").one(new DynamicModel({a:""}))
const m=new Record($app.findCollectionByNameOrId("posts")); $app.db().select("id").orderBy("id").one(m); return m.id
const m=new Collection(); $app.db().select("name").orderBy("name").one(m); return m.name
const m=arrayOf(new DynamicModel({a:""})); $app.db().select("name").all(m); return m
const m=new Record($app.findCollectionByNameOrId("posts")); $app.db().select().model("post20000000000", m); return m.id
const m=arrayOf(nullString()); $app.recordQuery("posts").select("title").limit(1).column(m); return m
$app.recordQuery("posts").all({})
$app.recordQuery("posts").one([])
$app.recordQuery("posts").one({})
$app.recordQuery("posts").column([])
$app.recordQuery("posts").column({})
$app.recordQuery("posts").row(5)
$app.recordQuery("posts").row()
$app.db().newQuery("select 1").all({})
$app.db().newQuery("select 1").all(5)
$app.db().newQuery("select 1").column({})
$app.db().newQuery("select 1").column(nullString())
$app.db().newQuery("select 1").one(nullString())
$app.db().newQuery("select 1 where 0").row(nullString())
$app.recordQuery("posts").where($dbx.exp("0")).row(nullString())
const m=arrayOf(0); $app.db().newQuery("select 1 where 0").column(m); return m
const a=nullString(); $app.db().newQuery("select 1.0").row(a); return a
const a=nullString(); $app.db().newQuery("select 1234567.5").row(a); return a
const a=nullString(); $app.db().newQuery("select 123456.0").row(a); return a
const a=nullString(); $app.db().newQuery("select 1000000.0").row(a); return a
const a=nullString(); $app.db().newQuery("select 9007199254740993").row(a); return a
const a=nullString(); $app.db().newQuery("select 9e999").row(a); return a
const a=nullString(); $app.db().newQuery("select -1e-7").row(a); return a
const a=nullInt(); $app.db().newQuery("select '99999999999999999999'").row(a); return a
const a=nullBool(); $app.db().newQuery("select 'TRUE'").row(a); return a
const a=nullBool(); $app.db().newQuery("select 1.0").row(a); return a
const a=nullBool(); $app.db().newQuery("select x'31'").row(a); return a
const a=nullArray(); $app.db().newQuery("select 'zz'").row(a); return a
const a=nullArray(); $app.db().newQuery("select '[1,'").row(a); return a
const a=nullArray(); $app.db().newQuery("select '[1]x'").row(a); return a
const a=nullArray(); $app.db().newQuery("select 1.5").row(a); return a
const a=nullObject(); $app.db().newQuery("select '5'").row(a); return a
const a=nullObject(); $app.db().newQuery("select 'null'").row(a); return a
const a=nullString(); $app.db().newQuery("select {:a}").bind({a:new Date(1704164645678)}).row(a); return a
const a=nullString(); $app.db().newQuery("select {:a}").bind({a:10n}).row(a); return a
const a=nullString(); $app.db().newQuery("select {:a}").bind({a:NaN}).row(a); return a
const a=nullString(); $app.db().newQuery("select {:a}").bind({a:-0}).row(a); return a
const a=nullString(); $app.db().newQuery("select typeof({:a})").bind({a:toBytes("x")}).row(a); return a
const a=nullString(); $app.db().newQuery("select typeof({:a})").bind({a:$app.findRecordById("posts","post10000000000").get("meta")}).row(a); return a
const a=nullString(); $app.db().newQuery("select {:a}").bind({a:$app.findRecordById("posts","post10000000000")}).row(a); return a
const a=nullString(); $app.db().newQuery("select {:a}").bind({a:"x\ud800y"}).row(a); return a
const a=nullString(); $app.db().newQuery("select {:a-b}").bind({"a-b":1}).row(a); return a
const a=nullString(); $app.db().newQuery("select ?").bind({"a-b":1}).row(a); return a
const a=nullString(); $app.db().newQuery("select :a").bind({"a":1}).row(a); return a
const a=nullString(); $app.db().newQuery("select @a, $b, ?5").bind({"a":1}).row(a); return a
return [$app.db().newQuery("x").context(), $app.db().newQuery("select 1").withContext(null)===null]

// -- floats as texts
const a=nullString(); $app.db().newQuery("select 1234567.0").row(a); return a
const a=nullString(); $app.db().newQuery("select 12345678.25").row(a); return a
const a=nullString(); $app.db().newQuery("select 123456.75").row(a); return a
const a=nullString(); $app.db().newQuery("select 0.0001").row(a); return a
const a=nullString(); $app.db().newQuery("select 1e15").row(a); return a

// -- pointers
const a=nullString(); $app.db().newQuery("select null").row(a); return [a, String(a), a==null, JSON.stringify(a), typeof a]
const a=nullInt(); $app.db().newQuery("select null").row(a); return [a, String(a), a+1]
const a=nullArray(); $app.db().newQuery("select null").row(a); return [a, String(a)]
const a=nullBool(); $app.db().newQuery("select 1").row(a); return [a, a?1:0, a==true]
const a=nullArray(); $app.db().newQuery("select '[1]'").row(a); return [a, a.length, String(a), Array.isArray(a)]
const a=nullObject(); $app.db().newQuery("select '{\"x\":1}'").row(a); return [a, a.x, a.get("x"), String(a)]
