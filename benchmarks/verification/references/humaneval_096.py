def count_up_to(n: int) -> list[int]:
    primes: list[int] = []
    for number in range(2, n):
        if all(number % prime for prime in primes if prime * prime <= number):
            primes.append(number)
    return primes
