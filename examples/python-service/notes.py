"""Keeps notes: POST / adds the body, GET / lists them."""
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

notes = []


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer(200, "".join(f"{number}. {note}\n" for number, note in enumerate(notes, 1)))

    def do_POST(self):
        notes.append(self.rfile.read(int(self.headers.get("Content-Length", 0))).decode().strip())
        self.answer(201, f"{len(notes)}\n")

    def answer(self, status, text):
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    ThreadingHTTPServer(("", int(sys.argv[1])), Handler).serve_forever()
