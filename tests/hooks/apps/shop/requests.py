"""A shop: totals and stock in transactions, coupons, idempotency keys, signed webhooks out and in."""

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.oracle.harness import Case, case
from tests.oracle.rows import ident
from tests.servers import free_port

# Scripts of the servers that tests start reach this address of the machine alone.
HOST, PORT = "127.0.0.77", free_port()
ORDERS = "/api/collections/orders/records"


class Hook(BaseHTTPRequestHandler):
    """The server that is told of orders: its first answers fail, when asked to."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        broken = "broken" in self.path and int(self.headers["X-Try"]) < 2
        said = {"got": json.loads(body), "signature": self.headers["X-Signature"], "path": self.path}
        answer = json.dumps(said).encode()
        self.send_response(503 if broken else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Set-Cookie", "seen=yes; Path=/")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *args: Any) -> None:
        """Nobody reads it."""


@contextmanager
def beside() -> Iterator[None]:
    """The other server, while requests are made."""
    server = ThreadingHTTPServer((HOST, PORT), Hook)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


def order(*lines: tuple[str, int], who: str | None = "user1", key: str = "", **values: Any) -> Case:
    body = {"lines": [{"sku": sku, "quantity": quantity} for sku, quantity in lines], **values}
    return case("POST", ORDERS, as_=who, json=body, headers={"Idempotency-Key": key} if key else {}, unordered=True)


def payment(body: str, secret: str = "payment-secret") -> Case:
    signature = hmac.new(secret.encode(), body.encode(), hashlib.sha256).hexdigest()
    headers = {"X-Payment-Signature": signature, "Content-Type": "application/json"}
    return case("POST", "/shop/payments", raw=body.encode(), headers=headers, unordered=True, note=body[:60])


def notify(path: str, **values: Any) -> Case:
    body = {"url": f"http://{HOST}:{PORT}{path}", "order": ident("first"), "secret": "s", **values}
    return case("POST", "/shop/notify", as_="super", json=body, unordered=True, note=f"{path} {values}")


CASES = [
    case("GET", "/api/collections?sort=name", as_="super", query={"filter": "name~'o'", "fields": "items.name"}),
    case("GET", "/api/collections/orders", as_="super"),
    case("GET", "/api/collections/products/records", query={"sort": "sku"}),
    order(("FU-001", 1), who=None),
    order(("FU-001", 1), who="clerk"),
    order(("FU-001", 2), ("FU-002", 1), id=ident("first"), total=1, state="shipped"),
    order(("FU-001", 5), key="abc", id=ident("second"), coupon="TENOFF"),
    order(("FU-001", 5), key="abc", coupon="TENOFF"),
    order(("FU-001", 1), who="user2", key="abc", id=ident("third"), coupon="FIVER"),
    order(("FU-001", 1), who="user2", coupon="GONE"),
    order(("FU-001", 1), who="user2", coupon="NOPE"),
    order(("FU-002", 1), ("FU-001", 99), who="user2", coupon="TENOFF"),
    order(("LI-001", 1)),
    order(("FU-003", 1)),
    order(("XX-999", 1)),
    order(("FU-001", 0)),
    order(),
    case("POST", ORDERS, as_="user1", json={"lines": "nope"}),
    case("POST", ORDERS, as_="user1", json={}),
    order(("fu-001", 1), id=ident("lower"), who="user2", coupon="TENOFF"),
    order(("FU-002", 1), id=ident("fourth"), who="user2", coupon="TENOFF"),
    order(("FU-001", 1), id=ident("fifth"), who="user2", coupon="TENOFF"),
    case("GET", ORDERS, as_="user1", query={"sort": "number"}),
    case("GET", ORDERS, as_="super", query={"sort": "number", "fields": "number,total,key,coupon"}),
    case("POST", f"/shop/orders/{ident('first')}/pay"),
    case("POST", f"/shop/orders/{ident('first')}/pay", as_="user2", unordered=True),
    case("POST", f"/shop/orders/{ident('first')}/pay", as_="user1", unordered=True),
    case("POST", f"/shop/orders/{ident('first')}/pay", as_="user1", unordered=True),
    case("POST", f"/shop/orders/{ident('first')}/eat", as_="user1"),
    case("POST", f"/shop/orders/{ident('first')}/ship", as_="user1"),
    case("POST", f"/shop/orders/{ident('nope')}/ship", as_="super"),
    case("POST", f"/shop/orders/{ident('second')}/cancel", as_="user1", unordered=True),
    case("POST", f"/shop/orders/{ident('second')}/cancel", as_="super", unordered=True),
    case("POST", f"/shop/orders/{ident('first')}/ship", as_="super", unordered=True),
    case("PATCH", f"{ORDERS}/{ident('first')}", as_="super", json={"state": "open"}),
    case("GET", "/shop/stock", unordered=True),
    payment('{"type": "payment.done", "order": "8D90-00003"}'),
    payment('{"type": "ping"}'),
    payment('{"type": "other"}'),
    payment('{"type": "payment.done", "order": "none"}'),
    payment("not json"),
    payment('{"type": "ping"}', secret="wrong"),
    payment('{"type": "' + "x" * 600 + '"}'),
    case("POST", "/shop/payments", json={"type": "ping"}, unordered=True),
    notify("/hook"),
    notify("/broken"),
    notify("/broken", tries=1),
    notify("/broken", tries=5),
    notify("/hook", order="nope"),
    notify("/hook", url="http://127.0.0.77:1/refused", note="refused"),
    case("GET", "/api/collections/coupons/records", as_="super", query={"sort": "code"}),
    case("GET", "/api/collections/movements/records", as_="super", query={"sort": "@rowid", "expand": "product"}),
    case("GET", "/shop/stock", unordered=True),
]
TABLES = ["products", "coupons", "orders", "movements"]
LOGS = True
