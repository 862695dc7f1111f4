"""What people call the columns of a ledger and the places where one pays in person, in four languages."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping

from analysis.ledger.errors import missing
from analysis.ledger.sources import COLUMNS

# Headers as they come, split at commas and compared `folded`; the likeliest first.
SYNONYMS = {
    "transaction_id": "transaction id, transaction number, transaction no, txn id, payment id, receipt id, receipt no, "
    "receipt number, receipt, order id, reference, id, رقم المعاملة, رقم العملية, رقم الإيصال, مرجع, "
    "लेनदेन आईडी, लेनदेन संख्या, रसीद संख्या, id transaction, numero de transaction, numero de recu, recu",
    "paid_at": "paid at, paid on, payment date, payment time, payment timestamp, transaction date, transaction time, "
    "txn date, timestamp, datetime, date time, date, day, created at, order date, تاريخ الدفع, تاريخ السداد, "
    "وقت الدفع, تاريخ المعاملة, تاريخ, भुगतान तिथि, भुगतान दिनांक, लेनदेन तिथि, दिनांक, तारीख, तिथि, समय, "
    "date de paiement, date du paiement, paye le, horodatage, date de transaction, jour",
    "entity": "entity, entity name, department, agency, ministry, authority, organisation, organization, merchant, "
    "جهة, جهة حكومية, اسم الجهة, دائرة, وزارة, مؤسسة, विभाग, संस्था, इकाई, मंत्रालय, entite, organisme, ministere, "
    "administration",
    "service": "service, service name, product, خدمة, اسم الخدمة, सेवा, सेवा का नाम, prestation, produit",
    "channel": "channel, payment channel, channel name, mode, payment mode, قناة, قناة الدفع, وسيلة الدفع, "
    "माध्यम, चैनल, भुगतान माध्यम, canal, canal de paiement, mode de paiement",
    "amount": "amount, amount paid, paid amount, transaction amount, payment amount, value, val, dollar value, total, "
    "price, مبلغ, مبلغ مدفوع, قيمة, राशि, भुगतान राशि, रकम, मूल्य, montant, montant paye, somme, valeur",
    "payer_id": "payer id, payer, customer id, customer, client id, client, user id, account id, رقم الدافع, دافع, "
    "رقم العميل, عميل, رقم المتعامل, متعامل, भुगतानकर्ता आईडी, भुगतानकर्ता, ग्राहक आईडी, ग्राहक, id client, payeur",
}
OFFLINE = (
    "counter, branch, teller, service centre, service center, walk in, cash desk, front desk, post office, "
    "شباك, كاونتر, مركز خدمة, مركز الخدمة, مراكز الخدمة, فرع, guichet, agence, शाखा, काउंटर, सेवा केंद्र, खिड़की"
)
# Latin accents, Arabic vowel and hamza signs, the Devanagari dot: what differs between spellings of one word.
ACCENTS = "[\u0300-\u036f\u064b-\u0655\u093c]"


def recognised(names: Iterable[str], given: Mapping[str, str], source: str) -> dict[str, str]:
    """Our name to theirs, for each column of a ledger that is given, has our name, or a usual one."""
    by_fold = {folded(name): name for name in reversed(list(names))}
    found: dict[str, str] = {}
    for ours in COLUMNS:
        if theirs := given.get(ours):
            if theirs not in by_fold.values():
                raise ValueError(missing(ours, names, source, theirs))
            found[ours] = theirs
    for ours in COLUMNS:
        usual = (by_fold.get(folded(word)) for word in [ours, *SYNONYMS[ours].split(", ")])
        if name := next((name for name in usual if name and name not in found.values()), None):
            found.setdefault(ours, name)
    return found


def folded(header: str) -> str:
    """A header without case, accents, units, articles and marks between its words."""
    text = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", re.sub(r"[(\[].*?[)\]]", " ", header))
    text = re.sub(ACCENTS, "", unicodedata.normalize("NFKD", text.casefold()))
    words = [word.removeprefix("ال") for word in re.split(r"[\s_./:-]+", text) if word]
    return " ".join(words[:-1] if len(words) > 1 and currency_code(words[-1]) else words)


def currency_code(word: str) -> str | None:
    """The currency that a word is the code of."""
    from babel.numbers import list_currencies

    return word.upper() if len(word) == 3 and word.upper() in list_currencies() else None


def offline(labels: Iterable[str]) -> list[str]:
    """The channels whose labels say that one pays there in person."""
    words = [re.escape(folded(word)) for word in OFFLINE.split(", ")]
    return [label for label in labels if re.search(rf"\b(?:{'|'.join(words)})", folded(label))]


def is_amount(header: str) -> bool:
    """Whether a header is a usual one of amounts."""
    return folded(header) in map(folded, SYNONYMS["amount"].split(", "))
