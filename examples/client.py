"""An ordinary program: asks two services, knows nothing of Understudy. Usage: client.py BASE_URL"""
import sys
import urllib.request

base = sys.argv[1]
for path in ("/orders/12", "/catalogue"):
    with urllib.request.urlopen(base + path, timeout=5) as answer:
        print(f"python  GET {path:<12} {answer.status} {' '.join(answer.read().decode().split())}")
