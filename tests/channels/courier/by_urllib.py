"""Uses the platform's API by Python's own HTTP client. Says what it sees, line by line."""

import json
import sys
import urllib.error
import urllib.request

base, token, chat = sys.argv[1:]


def call(method, path, body=None, headers={}):
    """Status, headers and content of the answer. A body that is no dict goes out as it is."""
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", **headers}
    request = urllib.request.Request(f"{base}/{path}", data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as refusal:
        return refusal.code, refusal.headers, refusal.read()


def good(method, path, body=None, headers={}):
    status, _, content = call(method, path, body, headers)
    assert status == 200, (status, content)
    return json.loads(content)


print("OK me", good("GET", "me")["name"], flush=True)
[first] = good("GET", "updates?after=0&wait=10")
print("OK message", first["text"], first["from"]["name"], flush=True)
twice = [
    good("POST", f"chats/{chat}/messages", {"text": "hello", "reply_to": first["id"]}, {"Idempotency-Key": "k1"})
    for _ in range(2)
]
assert twice[0] == twice[1], twice
good("PUT", f"messages/{twice[0]['id']}", {"text": "hello again", "buttons": [{"label": "Yes", "data": "y"}]})
print("OK card", twice[0]["id"], flush=True)
[click] = good("GET", f"updates?after={first['number']}&wait=10")
assert (click["type"], click["data"], click["message"]) == ("clicked", "y", twice[0]["id"]), click
good("POST", f"clicks/{click['id']}", {"text": "noted"})
print("OK click", click["from"]["name"], flush=True)
sent = good("POST", f"chats/{chat}/files?name=a%20b.txt&text=notes", b"\x00some\r\nbytes", {"Content-Type": "text/plain"})
print("OK file", sent["id"], flush=True)
[message] = good("GET", f"updates?after={click['number']}&wait=10")
[file] = message["files"]
print("OK download", call("GET", f"files/{file['id']}")[2].decode(), flush=True)
status, headers, _ = call("POST", f"chats/{chat}/messages", {"text": "too fast"})
print("OK throttle", status, headers["Retry-After"], flush=True)
print("OK refused", *[call("POST", f"chats/{where}/messages", {"text": text})[0] for where, text in
                      [("nowhere", "x"), (chat, ""), (chat, "x" * 2001)]], flush=True)
token = "another"
print("OK token", call("GET", "me")[0], flush=True)
