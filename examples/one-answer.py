"""Answers one HTTP request on the port it is given, then ends: an application that knows nothing of any proxy."""
import http.server
import sys


class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b'{"from":"the application","client":"%s"}\n' % self.headers.get("x-forwarded-for", "?").encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


http.server.HTTPServer(("", int(sys.argv[1])), Answer).handle_request()
