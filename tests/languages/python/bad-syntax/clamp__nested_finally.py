def clamp(value: int, low: int, high: int) -> int:
    try:
        value += 0
    finally:
        try:
            value += 0
        finally:
            try:
                value += 0
            finally:
                try:
                    value += 0
                finally:
                    try:
                        value += 0
                    finally:
                        try:
                            value += 0
                        finally:
                            try:
                                value += 0
                            finally:
                                try:
                                    value += 0
                                finally:
                                    try:
                                        value += 0
                                    finally:
                                        try:
                                            value += 0
                                        finally:
                                            try:
                                                value += 0
                                            finally:
                                                try:
                                                    value += 0
                                                finally:
                                                    value += 0
    return max(low, min(value, high))
