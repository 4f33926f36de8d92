"""A remote adapter for the REST platform in tests/src/courier.rs, with Python's standard library alone.

The lines are described in src/channel/src/remote.md. Each request is handled in a thread of its own, since
`receive` waits for as long as nothing happens; the end of the input ends them all."""

import json
import sys
import threading
import time
from http.client import HTTPException
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode
from urllib.request import Request, urlopen

VERSION = 1
KEPT_BY_PLATFORM = 24 * 3600  # seconds
CAPS = {
    "text": {"max": 2000, "unit": "chars"}, "caption_max": 1000, "buttons": True, "edits": True,
    "deletes": True, "reactions": True, "silent": True, "idempotent": True,
    "file_bytes_max": 4 << 20, "alive_every": 25,
}
account = {}
is_stated = False
writing = threading.Lock()


class Failed(Exception):
    def __init__(self, kind, why="", **more):
        self.error = {"kind": kind, "why": why, **more}


def call(method, path, body=None, wait=20, **headers):
    if isinstance(body, (dict, list)):
        body, headers["Content-Type"] = json.dumps(body).encode(), "application/json"
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    headers["Authorization"] = "Bearer " + account["fields"]["token"]
    try:
        return urlopen(Request(account["urls"]["api"] + path, body, headers, method=method), timeout=wait)
    except HTTPError as err:
        if err.code == 429:
            raise Failed("throttled", seconds=int(err.headers["Retry-After"]))
        kind = "unauthorized" if err.code == 401 else "unreachable" if err.code >= 500 else "refused"
        raise Failed(kind, f"status {err.code}: {err.read(300).decode(errors='replace')}")
    except URLError as err:
        raise Failed("unreachable" if isinstance(err.reason, ConnectionRefusedError) else "unknown", str(err.reason))
    except (OSError, HTTPException) as err:
        raise Failed("unknown", repr(err))


def at(update):
    thread = update.get("thread")
    return {"chat": update["chat"]["id"], "thread": thread["id"] if isinstance(thread, dict) else thread}


def message(update):
    """Of a message, an edit, a deletion and a reaction. The host ignores what a body has besides."""
    name, replied = update["id"], update.get("reply_to")
    change = {
        "message": None, "edited": {"edited": {"of": name}}, "deleted": {"deleted": {"of": name}},
        "reacted": {"reacted": {"to": name, "emoji": update.get("emoji"), "added": update.get("added")}},
    }[update["type"]]
    body = {
        "sender": update["from"], "chat": update["chat"], "thread": update.get("thread"), "quote": replied,
        "sent_at": update["at"] * 1000 if "at" in update else None, "text": update.get("text", ""), "change": change,
        "forwarded_from": update.get("forwarded_from"), "unread": update.get("unreadable"),
    }
    files = []
    for of, is_quoted in ((update, False), (replied or {}, True)):
        for file in of.get("files", []):
            kind = file["mime"].split("/")[0]
            kind = kind if kind in ("image", "audio", "video") else "document"
            files.append({**file, "kind": kind, "source": file["id"], "is_quoted": is_quoted})
    return {"message": {"from": at(update), "body": body, "mentioned": update.get("mentioned", False), "files": files,
                        "platform_id": f"{name}#{update['number']}" if change else name}}


EVENTS = {
    "message": message, "edited": message, "deleted": message, "reacted": message,
    "clicked": lambda it: {"click": {"from": at(it), "chat": it["chat"], "sender": it["from"], "data": it["data"],
                                     "platform_id": it["id"], "press": it["id"]}},
    "joined": lambda it: {"reachable": {"chat": at(it), "by": it["from"], "title": it["chat"]["title"]}},
    "left": lambda it: {"left": at(it)},
    "renamed": lambda it: {"renamed": {"chat": at(it), "title": it["chat"]["title"]}},
    "moved": lambda it: {"moved": {"from": at(it), "to": {"chat": it["to"]}}},
    "undelivered": lambda it: {"undelivered": {"chat": at(it), "id": it["id"], "why": it["why"]}},
}


def event(update):
    """`None` for what this program does not understand."""
    try:
        return EVENTS[update["type"]](update)
    except (KeyError, TypeError, AttributeError):
        return None


def receive(after, wait):
    global is_stated
    # The first answer says what became of the time before, and so does not wait.
    gone = account["heard_until"] is not None and account["heard_until"] / 1000 < time.time() - KEPT_BY_PLATFORM
    updates = json.load(call("GET", f"/updates?after={after or 0}&wait={wait if is_stated else 0}", wait=wait + 10))
    is_stated = True
    return {"events": [it for it in map(event, updates) if it], "gap": "unknown" if gone else "none",
            "cursor": str(updates[-1]["number"]) if updates else after}


def deliver(part):
    (kind, content), = part["content"].items()
    if kind in ("edit", "reaction", "delete"):
        own = "/messages/" + quote(content["target"], safe="")
        if kind == "edit":
            call("PUT", own, content["card"])
        elif kind == "reaction":
            call("PUT", own + "/reaction", {"emoji": content["emoji"]})
        else:
            call("DELETE", own)
        return {"id": content["target"]}
    chat = "/chats/" + quote(part["to"]["chat"], safe="")
    body = {it: part[it] for it in ("reply_to", "silent", "notify")} | {"thread": part["to"]["thread"]}
    body = {name: value for name, value in body.items() if value}
    if kind == "file":
        asked = urlencode({**body, "name": content["name"], "text": content.get("caption", "")})
        try:
            data = open(content["path"], "rb").read()
        except OSError as err:
            raise Failed("refused", str(err))
        answer = call("POST", f"{chat}/files?{asked}", data, Content_Type=content["mime"], Idempotency_Key=part["key"])
    else:
        body |= content if kind == "card" else {"text": content}
        answer = call("POST", chat + "/messages", body, Idempotency_Key=part["key"])
    return {"id": json.load(answer)["id"]}


def fetch(source, bytes_max, into):
    content = call("GET", "/files/" + quote(source, safe="")).read(bytes_max + 1)
    if len(content) > bytes_max:
        raise Failed("too_large")
    with open(into, "wb") as file:
        file.write(content)


def connect(version, **given):
    if version != VERSION:
        raise Failed("misconfigured", f"this program speaks version {VERSION}, and the host {version}")
    account.update(given)
    return {"version": VERSION, "me": json.load(call("GET", "/me")), "caps": CAPS}


REQUESTS = {
    "connect": connect, "check": connect, "receive": receive, "deliver": deliver, "fetch": fetch,
    "open_direct": lambda handle: json.load(call("PUT", f"/people/{quote(handle, safe='')}/chat", {})),
    "working": lambda chat: call("POST", f"/chats/{quote(chat['chat'], safe='')}/typing", {}),
    "draft": lambda chat, target, text: call("PUT", "/messages/" + quote(target, safe=""), {"text": text}),
    "answer": lambda press, words: call("POST", "/clicks/" + quote(press, safe=""), {"text": words or ""}),
    "publish_commands": lambda commands: call("PUT", "/commands", commands),
    "settle": lambda verdicts: None, "field": lambda name, error: None,
}


def handle(type, id=None, **body):
    try:
        value = REQUESTS[type](**body)
        answer = {"type": "ok", "id": id, "value": value if id else None}
    except Failed as err:
        answer = {"type": "error", "id": id, "error": err.error}
    if id:
        with writing:
            print(json.dumps(answer), flush=True)


for line in sys.stdin.buffer:
    threading.Thread(target=handle, kwargs=json.loads(line), daemon=True).start()
