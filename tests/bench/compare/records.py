"""The data that all sides hold: clients with ids that can be computed, spread over 20 branches, and distributors as the
older system exports them. Pure, but for fill_server()."""
import http.client
import json
import urllib.parse

from .processes import Trouble

BRANCHES = 20
CHUNK = 5_000
CSV_HEAD = "DRN;DAF;NAME;SEX;ADDR1;CITY;MOBILE_TELE;POSITION;DATE_JOINED;SPONSOR_CODE;BANK_CODE;SALES_OFFICE;STATUS;EMAIL"


def client_id(number):
    return f"CLT-019a0000-0000-7000-8000-{number:012}"


def client(number):
    """About 300 bytes, as the load generator's."""
    return {
        "id": client_id(number), "reference_number": f"R-{number:012}", "full_name": f"Client {number}",
        "phone": f"+43 660 {number:010}", "email": f"c{number}@example.com", "gender": "f", "date_of_birth": "1985-07-14",
        "address": "Long Street 17", "city": "Graz", "branch": f"branch-{number % BRANCHES:02}",
        "data": {"height": 172, "weight": 64, "notes": "first visit, came by herself"},
    }


def ndjson(numbers, **changed):
    return "".join(json.dumps({**client(number), **changed}, separators=(",", ":")) + "\n" for number in numbers).encode()


def distributors_csv(first, count):
    lines = [CSV_HEAD]
    for number in range(first, first + count):
        lines.append(f"NB{number:08};{number};TRIHE GUDUR {number};N/A;RUTRAI;TRAIBAIK;08{number:08};SD;2009/11/24;NB000001;?;"
                     f"B{number % BRANCHES + 1:02};A;d{number}@example.com")
    return ("\n".join(lines) + "\n").encode()


class Poster:
    """One kept connection to a server."""

    def __init__(self, url):
        parts = urllib.parse.urlsplit(url)
        self.connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=600)

    def post(self, path, body, content_type):
        self.connection.request("POST", path, body, {"Content-Type": content_type})
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status not in (200, 201, 204):
            raise Trouble(f"POST {path} was answered {answer.status}: {text[:300].decode(errors='replace')}")
        return text

    def close(self):
        self.connection.close()


def fill_server(url, count, first=1, **changed):
    """Clients first … first+count-1 by bulk POST."""
    poster = Poster(url)
    try:
        for begin in range(first, first + count, CHUNK):
            poster.post("/api/clients", ndjson(range(begin, min(begin + CHUNK, first + count)), **changed),
                        "application/x-ndjson")
    finally:
        poster.close()
