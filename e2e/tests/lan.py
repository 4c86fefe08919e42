"""What a host of the network that is reinjected into sees, by Python's own sockets and the kernel alone.

    lan.py wire INTERFACE GROUP                   a line "TTL SOURCE" for every UDP packet to the group on the wire
    lan.py join ADDRESS GROUP PORT SOURCE OTHER   joins GROUP of SOURCE, beside it of OTHER: who was heard where
    lan.py get URL                                what HTTP answers
"""

import socket
import sys
import urllib.request

ETH_P_IP = 0x0800
# linux/in.h; Python 3.11 has no name for them.
IP_ADD_SOURCE_MEMBERSHIP = 39
IP_MULTICAST_ALL = 49


def wire(interface, group):
    capture = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_IP))
    capture.bind((interface, ETH_P_IP))
    group = socket.inet_aton(group)
    print("ready", flush=True)
    while True:
        packet = capture.recv(65536)
        if packet[16:20] == group and packet[9] == socket.IPPROTO_UDP:
            print(packet[8], socket.inet_ntoa(packet[12:16]), flush=True)


def joined(address, group, port, source):
    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    receiver.setsockopt(socket.IPPROTO_IP, IP_MULTICAST_ALL, 0)
    receiver.bind((group, int(port)))
    membership = b"".join(map(socket.inet_aton, (group, address, source)))
    receiver.setsockopt(socket.IPPROTO_IP, IP_ADD_SOURCE_MEMBERSHIP, membership)
    return receiver


def join(address, group, port, source, other):
    wanted, unwanted = (joined(address, group, port, of) for of in (source, other))
    wanted.settimeout(20)
    for _ in range(200):
        payload, sender = wanted.recvfrom(65536)
        assert sender[0] == source, sender
        assert payload and len(payload) % 188 == 0 and set(payload[::188]) == {0x47}, payload[:8]
    unwanted.setblocking(False)
    try:
        sys.exit("heard of %s: %s" % (other, unwanted.recvfrom(65536)[1]))
    except BlockingIOError:
        print("200 datagrams of", source, "and none of", other, flush=True)


if __name__ == "__main__":
    _, what, *arguments = sys.argv
    if what == "get":
        print(urllib.request.urlopen(*arguments, timeout=5).read().decode())
    else:
        {"wire": wire, "join": join}[what](*arguments)
