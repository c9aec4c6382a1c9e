import threading
import unittest
import urllib.request
from http.server import ThreadingHTTPServer

import notes


class NotesTest(unittest.TestCase):
    def test_notes_are_kept(self):
        server = ThreadingHTTPServer(("127.0.0.1", 0), notes.Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/"
        urllib.request.urlopen(address, data=b"buy milk").close()
        with urllib.request.urlopen(address) as answer:
            self.assertEqual(answer.read(), b"1. buy milk\n")
        server.shutdown()


if __name__ == "__main__":
    unittest.main()
